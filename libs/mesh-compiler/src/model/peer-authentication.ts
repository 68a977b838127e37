import type { ConfigObject } from '@lateen/config-schema';
import { enumOf, type istio_security_v1beta1_PeerAuthentication as PeerAuthentication } from '@lateen/protos';
import { selects } from './service.ts';

/** How a workload's port takes connections: `strict` mTLS only, `permissive` both, `disable` plain text only. */
export type MtlsMode = 'strict' | 'permissive' | 'disable';

/** PeerAuthentications in force. */
export interface PeerAuthentications {
  /** Mode of a workload's port. `ports`: the numbers by which a port-level setting may name the port. */
  mode(namespace: string, labels: ReadonlyMap<string, string>, ports: readonly number[]): MtlsMode;
  /** Mode that the namespace or the mesh sets, leaving workload policies out; `undefined`: none does. */
  namespaceMode(namespace: string): MtlsMode | undefined;
  /** Ports that the workload's policy names. */
  portsNamed(namespace: string, labels: ReadonlyMap<string, string>): readonly number[];
}

const modes = enumOf('istio.security.v1beta1.PeerAuthentication.MutualTLS.Mode');
const modeByNumber: ReadonlyMap<number, MtlsMode> = new Map<number, MtlsMode>([
  [modes.STRICT, 'strict'],
  [modes.PERMISSIVE, 'permissive'],
  [modes.DISABLE, 'disable'],
]);

type Policy = ConfigObject<PeerAuthentication>;

function selectorOf(policy: Policy): { readonly [key: string]: string } | undefined {
  const labels = policy.spec.selector?.matchLabels;
  return labels && Object.keys(labels).length > 0 ? labels : undefined;
}

function modeOf(setting: { mode?: number | undefined } | undefined): MtlsMode | undefined {
  return setting ? modeByNumber.get(setting.mode ?? 0) : undefined;
}

/**
 * Indexes the policies, the oldest first. Workload beats namespace beats mesh; UNSET inherits; without any policy
 * the mode is permissive (istio/pilot/pkg/security/authn).
 */
export function indexPeerAuthentications(
  policies: readonly Policy[],
  rootNamespace: string,
): PeerAuthentications {
  const byNamespace = new Map<string, Policy>();
  const byWorkload = new Map<string, Policy[]>();
  for (const policy of policies) {
    const { namespace } = policy.metadata;
    if (selectorOf(policy)) byWorkload.set(namespace, [...(byWorkload.get(namespace) ?? []), policy]);
    else if (!byNamespace.has(namespace)) byNamespace.set(namespace, policy);
  }
  const workloadPolicy = (namespace: string, labels: ReadonlyMap<string, string>): Policy | undefined =>
    byWorkload.get(namespace)?.find((policy) => selects(selectorOf(policy) ?? {}, labels));
  const namespaceMode = (namespace: string): MtlsMode | undefined =>
    modeOf(byNamespace.get(namespace)?.spec.mtls) ?? modeOf(byNamespace.get(rootNamespace)?.spec.mtls);
  return {
    namespaceMode,
    mode(namespace, labels, ports) {
      const policy = workloadPolicy(namespace, labels);
      const parent = modeOf(policy?.spec.mtls) ?? namespaceMode(namespace) ?? 'permissive';
      const levels = policy?.spec.portLevelMtls ?? {};
      for (const port of ports) {
        if (Object.hasOwn(levels, String(port))) return modeOf(levels[String(port)]) ?? parent;
      }
      return parent;
    },
    portsNamed(namespace, labels) {
      return Object.keys(workloadPolicy(namespace, labels)?.spec.portLevelMtls ?? {}).map(Number);
    },
  };
}
