import type {
  istio_networking_v1alpha3_Destination,
  istio_networking_v1alpha3_VirtualService,
} from '@lateen/protos';
import { didYouMean } from '../suggestion.ts';
import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

/** Every destination of a VirtualService with its path. */
function destinationsOf(
  spec: istio_networking_v1alpha3_VirtualService,
): readonly [path: string, destination: istio_networking_v1alpha3_Destination][] {
  const found: [string, istio_networking_v1alpha3_Destination][] = [];
  const add = (path: string, destination: istio_networking_v1alpha3_Destination | undefined): void => {
    if (destination) found.push([path, destination]);
  };
  for (const [index, route] of (spec.http ?? []).entries()) {
    const path = `spec.http[${index}]`;
    for (const [at, { destination }] of (route.route ?? []).entries())
      add(`${path}.route[${at}].destination`, destination);
    add(`${path}.mirror`, route.mirror);
    for (const [at, { destination }] of (route.mirrors ?? []).entries())
      add(`${path}.mirrors[${at}].destination`, destination);
  }
  for (const field of ['tls', 'tcp'] as const) {
    for (const [index, route] of (spec[field] ?? []).entries()) {
      for (const [at, { destination }] of (route.route ?? []).entries())
        add(`spec.${field}[${index}].route[${at}].destination`, destination);
    }
  }
  return found;
}

/**
 * Destinations that no service or subset stands behind. Requests to them answer 503 (NC), others are untouched, so the
 * object is taken with a warning. Source: Istio virtualservice.DestinationHostAnalyzer, DestinationRuleAnalyzer.
 */
export function analyzeDestinations(model: AnalysisModel, findings: Findings): void {
  for (const object of model.virtualServices) {
    const { namespace } = object.metadata;
    for (const [path, { host = '', subset = '', port }] of destinationsOf(object.spec)) {
      const known = model.hosts(host, namespace);
      if (known.length === 0) {
        findings.add(object, {
          code: 'IST0101',
          severity: 'warning',
          path: `${path}.host`,
          message: `no service has the host "${host}"`,
          hint: model.hostHint(host, namespace),
        });
      } else if (port?.number && !known.some(({ ports }) => ports.includes(port.number ?? 0))) {
        findings.add(object, {
          code: 'IST0101',
          severity: 'warning',
          path: `${path}.port.number`,
          message: `the service "${host}" has no port ${port.number}`,
        });
      } else if (!port?.number && known.every(({ ports }) => ports.length > 1)) {
        findings.add(object, {
          code: 'IST0112',
          severity: 'warning',
          path,
          message: `the service "${host}" has several ports, the destination must name one`,
        });
      }
      if (subset === '') continue;
      const subsets = model.subsets(host, namespace);
      if (subsets.has(subset)) continue;
      findings.add(object, {
        code: 'IST0101',
        severity: 'warning',
        path: `${path}.subset`,
        message: `no DestinationRule of "${host}" has the subset "${subset}"`,
        hint: didYouMean(subset, subsets),
      });
    }
  }
}
