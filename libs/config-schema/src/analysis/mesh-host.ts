import { describeObject } from '../object.ts';
import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

type VirtualService = AnalysisModel['virtualServices'][number];

/** Namespaces whose sidecars see the object; `undefined` for all. */
function audience({ metadata, spec }: VirtualService): ReadonlySet<string> | undefined {
  const exportTo = spec.exportTo ?? [];
  if (exportTo.length === 0 || exportTo.includes('*')) return undefined;
  return new Set(exportTo.map((each) => (each === '.' ? metadata.namespace : each)));
}

type Audience = ReturnType<typeof audience>;

function meet(left: Audience, right: Audience): boolean {
  return !left || !right || [...left].some((namespace) => right.has(namespace));
}

/** Other objects that a finding names for one host: who shares one with thousands has no use for all their names. */
const mostRivals = 5;

/**
 * One host in several VirtualServices of the mesh: sidecars use the oldest alone. Source: Istio
 * virtualservice.ConflictingMeshGatewayHostsAnalyzer (IST0109).
 */
export function analyzeMeshHosts(model: AnalysisModel, findings: Findings): void {
  const byHost = new Map<string, VirtualService[]>();
  for (const object of model.virtualServices) {
    const gateways = object.spec.gateways ?? [];
    if (gateways.length > 0 && !gateways.includes('mesh')) continue;
    for (const host of new Set(
      (object.spec.hosts ?? []).map((each) => model.fullHost(each, object.metadata.namespace)),
    )) {
      const sharers = byHost.get(host);
      if (sharers) sharers.push(object);
      else byHost.set(host, [object]);
    }
  }
  const rivals = new Map<VirtualService, { hosts: Set<string>; names: Set<string> }>();
  for (const [host, sharers] of byHost) {
    const audiences = sharers.map(audience);
    for (const [index, object] of sharers.entries()) {
      let count = 0;
      for (let at = 0; at < sharers.length && count < mostRivals; at++) {
        const other = sharers[at];
        if (!other || at === index || !meet(audiences[index], audiences[at])) continue;
        count += 1;
        const found = rivals.get(object) ?? { hosts: new Set(), names: new Set() };
        found.hosts.add(host);
        found.names.add(describeObject(other));
        rivals.set(object, found);
      }
    }
  }
  for (const [object, { hosts, names }] of rivals) {
    findings.add(object, {
      code: 'IST0109',
      severity: 'warning',
      path: 'spec.hosts',
      message: `${[...hosts].join(', ')}: in ${[...names].join(', ')}, too; sidecars use the oldest alone`,
    });
  }
}
