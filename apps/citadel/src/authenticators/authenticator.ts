import type { RpcCaller } from '@lateen/rpc';

/** What an authenticator found: a proven SPIFFE id, a proof that doesn't hold, or no proof of its kind. */
export type Proof =
  | { readonly kind: 'proven'; readonly id: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'absent'; readonly reason: string };

/** One way for a caller to prove who it is. */
export type Authenticator = (caller: RpcCaller) => Proof | Promise<Proof>;

/** Asks one authenticator after the other, as Istio does: the first proof that holds decides. */
export async function authenticate(
  authenticators: readonly Authenticator[],
  caller: RpcCaller,
): Promise<Proof> {
  const reasons: string[] = [];
  for (const authenticator of authenticators) {
    const proof = await authenticator(caller);
    if (proof.kind === 'proven') return proof;
    reasons.push(proof.reason);
  }
  return { kind: 'refused', reason: reasons.join('; ') || 'no authenticator is configured' };
}
