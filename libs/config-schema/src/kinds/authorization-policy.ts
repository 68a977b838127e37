import {
  enumOf,
  type istio_security_v1beta1_AuthorizationPolicy,
  type istio_security_v1beta1_Condition,
  type istio_security_v1beta1_Operation,
  type istio_security_v1beta1_Rule,
  type istio_security_v1beta1_Source,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import type { Report } from '../report.ts';
import { subnetProblem } from '../rules/address.ts';
import { attributeCheck, attributeKeys, isHttpAttribute } from '../rules/authorization-attribute.ts';
import { checkPolicyTargets } from '../rules/selector.ts';
import { didYouMean } from '../suggestion.ts';

const actions = enumOf('istio.security.v1beta1.AuthorizationPolicy.Action');

const sourceFields = [
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'ipBlocks',
  'notIpBlocks',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'trustDomains',
  'notTrustDomains',
] as const;
const operationFields = [
  'hosts',
  'notHosts',
  'ports',
  'notPorts',
  'methods',
  'notMethods',
  'paths',
  'notPaths',
] as const;

/** Fields that an external authorizer can't judge: they need the identity of the peer or the token, known after it ran. */
const notForCustom: ReadonlySet<string> = new Set([
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
]);
const keysNotForCustom = [
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'source.trustDomain',
  'request.auth.',
];

function checkValues(values: readonly string[], path: string, report: Report): void {
  for (const [index, value] of values.entries())
    if (value === '') report.error(`${path}[${index}]`, 'an empty value matches nothing and is not allowed');
}

function checkPathTemplate(template: string): string | undefined {
  if (!/[{}]/.test(template)) return undefined;
  const segments = template.split('/');
  const wild = segments.filter((segment) => segment === '{**}');
  if (segments.some((segment) => /[{}]/.test(segment) && segment !== '{*}' && segment !== '{**}')) {
    return `"${template}" has a segment that mixes text with "{*}" or "{**}"`;
  }
  if (template.replace(/\{\*\*?\}/g, '').includes('*')) return `"${template}" mixes "*" with "{*}"`;
  return wild.length > 1 ? `"${template}" has "{**}" more than once` : undefined;
}

function checkSource(source: istio_security_v1beta1_Source, path: string, report: Report): void {
  if (sourceFields.every((field) => !source[field]?.length))
    report.error(path, 'a source needs at least one field, an empty one would match everybody');
  for (const field of sourceFields) {
    const values = source[field] ?? [];
    checkValues(values, `${path}.${field}`, report);
    if (!field.toLowerCase().endsWith('ipblocks')) continue;
    for (const [index, value] of values.entries()) {
      const problem = value === '' ? undefined : subnetProblem(value);
      if (problem) report.error(`${path}.${field}[${index}]`, problem);
    }
  }
  const named = source.serviceAccounts?.length || source.notServiceAccounts?.length;
  const other = (['namespaces', 'notNamespaces', 'principals', 'notPrincipals'] as const).find(
    (field) => source[field]?.length,
  );
  if (named && other) report.error(`${path}.${other}`, `${other} can't stand beside serviceAccounts`);
  for (const field of ['serviceAccounts', 'notServiceAccounts'] as const) {
    for (const [index, value] of (source[field] ?? []).entries()) {
      if (value !== '' && (value.split('/').length > 2 || value.includes('*'))) {
        report.error(
          `${path}.${field}[${index}]`,
          `"${value}" is no service account, expected NAME or NAMESPACE/NAME without wildcards`,
        );
      }
    }
  }
}

function checkOperation(operation: istio_security_v1beta1_Operation, path: string, report: Report): void {
  if (operationFields.every((field) => !operation[field]?.length))
    report.error(path, 'an operation needs at least one field, an empty one would match everything');
  for (const field of operationFields) {
    const values = operation[field] ?? [];
    checkValues(values, `${path}.${field}`, report);
    for (const [index, value] of values.entries()) {
      const at = `${path}.${field}[${index}]`;
      if (value === '') continue;
      if (field.toLowerCase().endsWith('ports') && !(/^\d{1,5}$/.test(value) && Number(value) <= 65535))
        report.error(at, `"${value}" is no port number`);
      const problem = field.toLowerCase().endsWith('paths') ? checkPathTemplate(value) : undefined;
      if (problem) report.error(at, problem);
    }
  }
}

function checkCondition(condition: istio_security_v1beta1_Condition, path: string, report: Report): void {
  const { key = '', values = [], notValues = [] } = condition;
  if (key === '') {
    report.error(path, 'a condition needs a key');
    return;
  }
  if (values.length === 0 && notValues.length === 0)
    report.error(path, 'a condition needs values or notValues');
  const found = attributeCheck(key);
  if ('problem' in found) {
    report.error(`${path}.key`, found.problem, didYouMean(key, attributeKeys));
    return;
  }
  for (const [field, list] of [
    ['values', values],
    ['notValues', notValues],
  ] as const) {
    checkValues(list, `${path}.${field}`, report);
    for (const [index, value] of list.entries()) {
      const problem = value === '' ? undefined : found.check(value);
      if (problem) report.error(`${path}.${field}[${index}]`, problem);
    }
  }
}

function checkCustom(rule: istio_security_v1beta1_Rule, path: string, report: Report): void {
  for (const [index, { source }] of (rule.from ?? []).entries()) {
    for (const field of sourceFields) {
      if (source?.[field]?.length && notForCustom.has(field))
        report.error(
          `${path}.from[${index}].source.${field}`,
          `${field} is not supported with the action CUSTOM`,
        );
    }
  }
  for (const [index, { key = '' }] of (rule.when ?? []).entries()) {
    if (keysNotForCustom.some((each) => key.startsWith(each)))
      report.error(`${path}.when[${index}].key`, `"${key}" is not supported with the action CUSTOM`);
  }
}

/** Does a DENY rule ask for HTTP alone? On a TCP port such fields drop out, and what is left denies more than it says. */
function deniesTcp(rule: istio_security_v1beta1_Rule): boolean {
  const asksHttp =
    (rule.from ?? []).some(
      ({ source }) => source?.requestPrincipals?.length || source?.notRequestPrincipals?.length,
    ) ||
    (rule.to ?? []).some(({ operation }) =>
      (['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'] as const).some(
        (field) => operation?.[field]?.length,
      ),
    ) ||
    (rule.when ?? []).some(({ key = '' }) => isHttpAttribute(key));
  const limitsPorts =
    (rule.to ?? []).some(({ operation }) => operation?.ports?.length) ||
    (rule.when ?? []).some(({ key }) => key === 'destination.port');
  return asksHttp && !limitsPorts;
}

function checkRule(rule: istio_security_v1beta1_Rule, path: string, report: Report): void {
  for (const field of ['from', 'to', 'when'] as const) {
    if (Object.hasOwn(rule, field) && rule[field]?.length === 0)
      report.error(
        `${path}.${field}`,
        `an empty "${field}" is not allowed`,
        'leave it out to match everything',
      );
  }
  for (const [index, { source }] of (rule.from ?? []).entries()) {
    const at = `${path}.from[${index}]`;
    if (source) checkSource(source, `${at}.source`, report);
    else report.error(at, 'a source is required');
  }
  for (const [index, { operation }] of (rule.to ?? []).entries()) {
    const at = `${path}.to[${index}]`;
    if (operation) checkOperation(operation, `${at}.operation`, report);
    else report.error(at, 'an operation is required');
  }
  for (const [index, condition] of (rule.when ?? []).entries())
    checkCondition(condition, `${path}.when[${index}]`, report);
}

function checkDryRun(action: number, { metadata, report }: ValidationContext): void {
  const value = metadata.annotations['istio.io/dry-run'];
  if (value === undefined) return;
  const path = 'metadata.annotations["istio.io/dry-run"]';
  // Go's ParseBool, which Istio reads it with.
  if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value))
    report.error(path, `"${value}" is neither true nor false`);
  else if (action !== actions.ALLOW && action !== actions.DENY)
    report.error(path, 'dry run works with the actions ALLOW and DENY only');
}

function validate(spec: istio_security_v1beta1_AuthorizationPolicy, context: ValidationContext): void {
  const { report } = context;
  const action = spec.action ?? actions.ALLOW;
  const rules = spec.rules ?? [];
  checkPolicyTargets(spec, context);
  checkDryRun(action, context);
  if (action === actions.CUSTOM) {
    if (rules.length === 0)
      report.error('spec.rules', 'the action CUSTOM needs rules', 'add the rule {} for every request');
    if (!spec.provider?.name)
      report.error('spec.provider.name', 'the action CUSTOM needs the name of a provider');
  } else if (spec.provider) report.error('spec.provider', 'a provider belongs to the action CUSTOM');
  if (action === actions.DENY && rules.length === 0)
    report.error(
      'spec.rules',
      'the action DENY without rules never denies',
      'add the rule {} to deny every request',
    );
  for (const [index, rule] of rules.entries()) {
    const path = `spec.rules[${index}]`;
    checkRule(rule, path, report);
    if (action === actions.CUSTOM) checkCustom(rule, path, report);
    if (action === actions.DENY && deniesTcp(rule)) {
      report.warning(
        path,
        'on TCP ports the HTTP fields drop out and the rule denies all their traffic',
        'limit the rule to ports',
      );
    }
  }
}

/** Who may call what. Source: Istio security/v1beta1/authorization_policy.proto, ValidateAuthorizationPolicy. */
export const authorizationPolicy = defineKind({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['ap'],
  collection: 'istio/security/v1beta1/authorizationpolicies',
  message: 'istio.security.v1beta1.AuthorizationPolicy',
  validate,
});
