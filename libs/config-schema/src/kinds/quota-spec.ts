import { defineKind } from '../kind.ts';
import { keySegment } from '../node.ts';
import { regexProblem } from '../rules/regular-expression.ts';

/** Quotas that requests cost. Source: Istio mixer/v1/config/client/quota.proto. */
export const quotaSpec = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'QuotaSpec',
  collection: 'istio/mixer/v1/config/client/quotaspecs',
  message: 'istio.mixer.v1.config.client.QuotaSpec',
  validate(spec, { report }) {
    if (!spec.rules?.length) report.error('spec.rules', 'at least one rule is required');
    for (const [index, { match = [], quotas = [] }] of (spec.rules ?? []).entries()) {
      const path = `spec.rules[${index}]`;
      for (const [at, { clause = {} }] of match.entries()) {
        for (const [name, { regex }] of Object.entries(clause)) {
          const problem = regex === undefined ? undefined : regexProblem(regex);
          if (problem) report.error(`${path}.match[${at}].clause${keySegment(name)}.regex`, problem);
        }
      }
      if (quotas.length === 0) report.error(`${path}.quotas`, 'at least one quota is required');
      for (const [at, { quota, charge = 0 }] of quotas.entries()) {
        if (!quota) report.error(`${path}.quotas[${at}]`, 'the quota needs a name');
        if (charge < 0) report.error(`${path}.quotas[${at}].charge`, "the charge can't be negative");
      }
    }
  },
});
