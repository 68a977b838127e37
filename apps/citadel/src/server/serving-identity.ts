import { componentId, createKeyPair, privateKeyPem } from '@lateen/identity';
import type { TlsIdentity } from '@lateen/rpc';
import { type Clock, type Component, type Timer, WatchValue } from '@lateen/runtime';
import type { Authority } from '../authority/authority.ts';

/** Names under which clients of Istio's control plane reach the authority. */
const dnsNames = [
  'istiod.istio-system.svc',
  'istio-citadel.istio-system.svc',
  'istio-citadel.istio-system.svc.cluster.local',
  'localhost',
];

/**
 * Citadel's own certificate, which it gives itself. The served chain ends with the root, for callers that know the
 * root's hash alone. Renewed at half life.
 */
export function createServingIdentity(options: {
  readonly authority: () => Authority;
  readonly trustDomain: string;
  readonly ttlMs: number;
  readonly clock: Clock;
}): Component & { readonly identity: WatchValue<TlsIdentity | undefined> } {
  const identity = new WatchValue<TlsIdentity | undefined>(undefined);
  let timer: Timer | undefined;
  const renew = (): void => {
    const keys = createKeyPair();
    const authority = options.authority();
    const chain = authority.issue({
      publicKey: keys.publicKey.export({ format: 'der', type: 'spki' }),
      id: componentId('citadel', options.trustDomain),
      dnsNames,
      ttlMs: options.ttlMs,
    });
    identity.set({
      certificateChain: chain.join(''),
      privateKey: privateKeyPem(keys.privateKey),
      trustBundle: authority.root.toString(),
    });
    timer = options.clock.after(options.ttlMs / 2, renew);
  };
  return {
    name: 'citadel serving certificate',
    identity,
    async start() {
      renew();
    },
    async stop() {
      timer?.cancel();
    },
  };
}
