import { attribute, type MutableBag } from '@lateen/attributes';
import type { HeaderOperation } from './denial.ts';

interface Answered {
  /** The precondition was answered from the cache. */
  readonly checkCacheHit: boolean;
  /** Quotas were answered from the cache; `false` when none was asked for. */
  readonly quotaCacheHit: boolean;
}

/** Lets the request pass, with header changes for both directions. */
export interface Allowed extends Answered {
  readonly kind: 'allowed';
  readonly requestHeaderOperations: readonly HeaderOperation[];
  readonly responseHeaderOperations: readonly HeaderOperation[];
}

/** Answers the request in place of the application. */
export interface Denied extends Answered {
  readonly kind: 'denied';
  readonly httpStatus: number;
  readonly body: string;
  /** Header fields of the answer beside those of every local reply. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** gRPC status code; 0 for a direct response that is no refusal. */
  readonly code: number;
  readonly message: string;
  /** Who refused: a policy, a quota, or nobody could be asked and the fail policy is closed. */
  readonly reason: 'policy' | 'quota' | 'unreachable';
}

/** What a Check decided. */
export type CheckOutcome = Allowed | Denied;

/** Adds what the check decided, for the report. */
export function addCheckAttributes(bag: MutableBag, outcome: CheckOutcome): void {
  bag.set('check.cache_hit', attribute.bool(outcome.checkCacheHit));
  bag.set('quota.cache_hit', attribute.bool(outcome.quotaCacheHit));
  if (outcome.kind === 'denied' && outcome.code !== 0) {
    bag.set('check.error_code', attribute.int64(outcome.code));
    bag.set('check.error_message', attribute.string(outcome.body));
  }
}
