export { defaultCheckValidity, dispatchCheck } from './dispatch/check.ts';
export { routeDirective } from './dispatch/direct-response.ts';
export { dispatchQuota, type QuotaAnswer } from './dispatch/quota.ts';
export { ReportSession } from './dispatch/report.ts';
export type { RulesInForce } from './dispatch/work.ts';
export { createDenier, denierType } from './handler/denier.ts';
export {
  type AdapterType,
  type CheckResult,
  type DecodedParams,
  type Handler,
  type QuotaArguments,
  type QuotaResult,
  refuse,
} from './handler/handler.ts';
export { compileList, createList, type List, listType } from './handler/list.ts';
export { decodeParams } from './handler/params.ts';
export type { HeaderOperationTemplate } from './header-operation.ts';
export { findReference, fullName, shortName } from './names.ts';
export type { RuleProblem } from './problem.ts';
export {
  type ResolvedAction,
  type ResolvedHandler,
  type ResolvedRule,
  type ResolvedRules,
  type ResolveOptions,
  type RuleObjects,
  resolveRules,
} from './resolve.ts';
export { identityNamespace, type RuleEntry, RuleTable } from './rule-table.ts';
export {
  type Instance,
  type InstanceBuilder,
  type Template,
  type TemplateField,
  textField,
  type TypedValue,
  type Variety,
} from './template/template.ts';
export { templates } from './template/templates.ts';
export { mapEntries, timestampText, valueText } from './template/value-text.ts';
