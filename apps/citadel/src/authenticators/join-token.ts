import type { KeyObject } from 'node:crypto';
import { verifyJoinToken } from '@lateen/identity';
import type { Clock } from '@lateen/runtime';
import type { Authenticator } from './authenticator.ts';

/** First contact: `authorization: Bearer TOKEN` with a join token that this citadel minted. */
export function joinToken(options: {
  readonly publicKey: KeyObject;
  readonly trustDomain: string;
  readonly clock: Clock;
}): Authenticator {
  const { publicKey, trustDomain, clock } = options;
  return async (caller) => {
    const token = /^Bearer (\S+)$/i.exec(caller.metadata('authorization') ?? '')?.[1];
    if (token === undefined) return { kind: 'absent', reason: 'no join token' };
    const verified = await verifyJoinToken(token, publicKey, { trustDomain, nowMs: clock.now() });
    if ('value' in verified) return { kind: 'proven', id: verified.value };
    return { kind: 'refused', reason: `the join token is not accepted: ${verified.complaint}` };
  };
}
