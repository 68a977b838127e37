import type { ConfigObject } from '../object.ts';
import { hostsOverlap, splitNamespacedHost } from '../rules/host.ts';
import { didYouMean, editDistance } from '../suggestion.ts';
import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

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

/**
 * Gateways that VirtualServices name and nobody defines (IST0101), and hosts that no server of the gateway has
 * (IST0132). A name that is a slip of an existing gateway's can't have been meant: such an object is to be refused.
 * Source: Istio virtualservice.GatewayAnalyzer.
 */
export function analyzeGatewayReferences(model: AnalysisModel, findings: Findings): void {
  const gateways = new Map(
    model.gateways.map((gateway) => [`${gateway.metadata.namespace}/${gateway.metadata.name}`, gateway]),
  );
  for (const object of model.virtualServices) {
    const { namespace } = object.metadata;
    const names = object.spec.gateways ?? [];
    const bound: { gateway: (typeof model.gateways)[number]; index: number }[] = [];
    for (const [index, name] of names.entries()) {
      if (name === 'mesh') continue;
      const gateway = gateways.get(fullName(name, namespace));
      if (gateway) {
        bound.push({ gateway, index });
        continue;
      }
      const candidates = [...gateways.keys()].flatMap((full) =>
        full.startsWith(`${namespace}/`) ? [full.slice(namespace.length + 1), full] : [full],
      );
      const hint = didYouMean(name, candidates);
      findings.add(object, {
        code: 'IST0101',
        severity: isSlip(name, candidates) ? 'error' : 'warning',
        path: `spec.gateways[${index}]`,
        message: `no Gateway is named "${name}"`,
        hint,
      });
    }
    if (bound.length > 0 && bound.length === names.length) analyzeHosts(object, bound, findings);
  }
}

function analyzeHosts(
  object: ConfigObject<{ hosts?: readonly string[] | undefined }>,
  bound: readonly { gateway: AnalysisModel['gateways'][number]; index: number }[],
  findings: Findings,
): void {
  const { namespace } = object.metadata;
  for (const [at, host] of (object.spec.hosts ?? []).entries()) {
    for (const { gateway } of bound) {
      const served = (gateway.spec.servers ?? [])
        .flatMap(({ hosts = [] }) => hosts)
        .some((text) => {
          const { namespace: owner, host: pattern } = splitNamespacedHost(text);
          const mayBind =
            owner === undefined ||
            owner === '*' ||
            owner === namespace ||
            (owner === '.' && namespace === gateway.metadata.namespace);
          return mayBind && hostsOverlap(pattern, host);
        });
      if (served) continue;
      findings.add(object, {
        code: 'IST0132',
        severity: 'warning',
        path: `spec.hosts[${at}]`,
        message: `no server of the Gateway ${gateway.metadata.namespace}/${gateway.metadata.name} has the host "${host}"`,
      });
    }
  }
}
