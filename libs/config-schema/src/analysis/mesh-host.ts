import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

/**
 * One host in several VirtualServices of the mesh: sidecars use the oldest alone. Source: Istio
 * virtualservice.ConflictingMeshGatewayHostsAnalyzer (IST0109).
 */
export function analyzeMeshHosts(model: AnalysisModel, findings: Findings): void {
  const byHost = new Map<string, (typeof model.virtualServices)[number][]>();
  for (const object of model.virtualServices) {
    const gateways = object.spec.gateways ?? [];
    if (gateways.length > 0 && !gateways.includes('mesh')) continue;
    for (const host of new Set(
      (object.spec.hosts ?? []).map((each) => model.fullHost(each, object.metadata.namespace)),
    )) {
      byHost.set(host, [...(byHost.get(host) ?? []), object]);
    }
  }
  for (const [host, objects] of byHost) {
    for (const object of objects) {
      const scope = object.spec.exportTo ?? [];
      const isLocal =
        scope.length > 0 && scope.every((each) => each === '.' || each === object.metadata.namespace);
      const rivals = objects.filter(
        (other) => other !== object && (!isLocal || other.metadata.namespace === object.metadata.namespace),
      );
      if (rivals.length === 0) continue;
      const names = rivals.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ');
      findings.add(object, {
        code: 'IST0109',
        severity: 'warning',
        path: 'spec.hosts',
        message: `the host "${host}" is in the VirtualServices ${names}, too: sidecars use the oldest alone`,
      });
    }
  }
}
