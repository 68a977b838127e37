import { parseExpression } from '@lateen/attributes';
import type { istio_policy_v1beta1_Rule } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import type { Report } from '../report.ts';
import { strictHeaderNameProblem } from '../rules/header.ts';

function checkExpression(text: string | undefined, path: string, report: Report): void {
  if (!text?.trim()) return;
  const parsed = parseExpression(text);
  if ('complaint' in parsed) report.error(path, `no valid expression: ${parsed.complaint}`);
}

function validate(spec: istio_policy_v1beta1_Rule, { report }: ValidationContext): void {
  checkExpression(spec.match, 'spec.match', report);
  const actions = spec.actions ?? [];
  const operations = [...(spec.requestHeaderOperations ?? []), ...(spec.responseHeaderOperations ?? [])];
  if (actions.length === 0 && operations.length === 0)
    report.error('spec.actions', 'a rule needs at least one action or header operation');
  const names = new Set<string>();
  for (const [index, action] of actions.entries()) {
    const path = `spec.actions[${index}]`;
    if (!action.handler) report.error(path, 'an action needs a handler');
    for (const [at, instance] of (action.instances ?? []).entries())
      if (!instance) report.error(`${path}.instances[${at}]`, 'the instance has no name');
    if (action.name && names.has(action.name))
      report.error(`${path}.name`, `the action "${action.name}" stands twice`);
    names.add(action.name ?? '');
  }
  for (const field of ['requestHeaderOperations', 'responseHeaderOperations'] as const) {
    for (const [index, operation] of (spec[field] ?? []).entries()) {
      const path = `spec.${field}[${index}]`;
      const problem = strictHeaderNameProblem(operation.name ?? '');
      if (problem) report.error(`${path}.name`, problem);
      for (const [at, value] of (operation.values ?? []).entries())
        checkExpression(value, `${path}.values[${at}]`, report);
    }
  }
  checkExpression(
    spec.sampling?.random?.attributeExpression,
    'spec.sampling.random.attributeExpression',
    report,
  );
}

/** When Mixer does what with whom. Source: Istio policy/v1beta1/cfg.proto, Rule. */
export const rule = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'rule',
  collection: 'istio/policy/v1beta1/rules',
  message: 'istio.policy.v1beta1.Rule',
  validate,
});
