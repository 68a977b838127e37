import { hostsOverlap, splitNamespacedHost } from '../rules/host.ts';
import { didYouMean, editDistance } from '../suggestion.ts';
import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

type Gateway = AnalysisModel['gateways'][number];

/** `namespace/name` that a gateway's name means in a VirtualService of `namespace`. */
function fullName(gateway: string, namespace: string): string {
  const { namespace: written, host: name } = splitNamespacedHost(gateway);
  if (written === undefined) {
    // The old way to name a gateway of another namespace: name.namespace.svc…
    const [short = gateway, owner] = gateway.split('.');
    return owner === undefined ? `${namespace}/${gateway}` : `${owner}/${short}`;
  }
  return written === '.' ? `${namespace}/${name}` : `${written}/${name}`;
}

/**
 * Is the name so near to an existing one that it was misspelt? Names that differ in digits alone are siblings, and the
 * other one may be applied later.
 */
function isSlip(name: string, candidates: readonly string[]): boolean {
  const letters = name.replace(/\d/g, '');
  return candidates.some(
    (candidate) => editDistance(name, candidate, 2) <= 2 && candidate.replace(/\d/g, '') !== letters,
  );
}

/** Has a server of the gateway the host, and may a VirtualService of `namespace` bind to it? */
function serves(gateway: Gateway, { namespace, host }: { namespace: string; host: string }): boolean {
  const texts = (gateway.spec.servers ?? []).flatMap(({ hosts = [] }) => hosts);
  return texts.some((text) => {
    const { namespace: owner, host: pattern } = splitNamespacedHost(text);
    const isOwn = owner === '.' && namespace === gateway.metadata.namespace;
    return (
      (owner === undefined || owner === '*' || owner === namespace || isOwn) && hostsOverlap(pattern, host)
    );
  });
}

/**
 * Gateways that VirtualServices name and nobody defines (IST0101), and those that have none of the hosts (IST0132). A name that is a slip of an existing gateway's can't have been meant: such an object is to be refused.
 * Source: Istio virtualservice.GatewayAnalyzer.
 */
export function analyzeGatewayReferences(model: AnalysisModel, findings: Findings): void {
  const gateways = new Map(
    model.gateways.map((gateway) => [`${gateway.metadata.namespace}/${gateway.metadata.name}`, gateway]),
  );
  for (const object of model.virtualServices) {
    const { namespace } = object.metadata;
    for (const [index, name] of (object.spec.gateways ?? []).entries()) {
      if (name === 'mesh') continue;
      const path = `spec.gateways[${index}]`;
      const gateway = gateways.get(fullName(name, namespace));
      if (!gateway) {
        const candidates = [...gateways.keys()].flatMap((full) =>
          full.startsWith(`${namespace}/`) ? [full.slice(namespace.length + 1), full] : [full],
        );
        findings.add(object, {
          code: 'IST0101',
          severity: isSlip(name, candidates) ? 'error' : 'warning',
          path,
          message: `no Gateway is named "${name}"`,
          hint: didYouMean(name, candidates),
        });
      }
      const hosts = object.spec.hosts ?? [];
      if (hosts.some((host) => gateway && serves(gateway, { namespace, host }))) continue;
      findings.add(object, {
        code: 'IST0132',
        severity: 'warning',
        path,
        message: `no server of the Gateway "${name}" has one of the hosts ${hosts.join(', ')}`,
      });
    }
  }
}
