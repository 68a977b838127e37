import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

/**
 * A VirtualService without hosts has an effect only through another one that delegates to it: where none does, its hosts
 * were forgotten. And a delegate that nobody defines leaves its route empty (IST0101).
 */
export function analyzeDelegates(model: AnalysisModel, findings: Findings): void {
  const defined = new Set(
    model.virtualServices.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  );
  const wanted = new Set<string>();
  for (const object of model.virtualServices) {
    for (const [index, { delegate }] of (object.spec.http ?? []).entries()) {
      if (!delegate) continue;
      const key = `${delegate.namespace || object.metadata.namespace}/${delegate.name ?? ''}`;
      wanted.add(key);
      if (!defined.has(key)) {
        findings.add(object, {
          code: 'IST0101',
          severity: 'warning',
          path: `spec.http[${index}].delegate`,
          message: `no VirtualService is named "${key}"`,
        });
      }
    }
  }
  for (const object of model.virtualServices) {
    const { namespace, name } = object.metadata;
    if ((object.spec.hosts ?? []).length > 0 || wanted.has(`${namespace}/${name}`)) continue;
    findings.add(object, {
      code: 'LTN0001',
      severity: 'error',
      path: 'spec.hosts',
      message: 'at least one host is required: no other VirtualService delegates to this one',
      hint: 'add hosts, or apply it together with the VirtualService that delegates to it',
    });
  }
}
