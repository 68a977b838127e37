import { JetStreamApiError } from '@nats-io/jetstream';
import { Backoff, type Clock, type Random, sleep } from '@lateen/runtime';
import { RequestError, TimeoutError } from '@nats-io/transport-node';
import { unavailable } from '../error.ts';

/**
 * How JetStream is asked. A request sent before the cluster has a leader is never answered, so attempts are short and
 * repeated instead of one long wait.
 */
export const attemptTimeoutMs = 400;
const attempts = 25;

/** Surroundings of a retry. `closed` aborts when the bus closes. */
export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly closed: AbortSignal;
}

/** JetStream's error code for a wrong expected sequence. */
const wrongLastSequence = 10_071;
/** Codes of a cluster that is still finding itself: no leader, not available, peer not in sync. */
const passing = new Set([503, 408, 504]);

/** Did the server refuse because of an expected sequence? */
export function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === wrongLastSequence;
}

function isPassing(error: unknown): boolean {
  // JetStream's "not enabled" is a request without responders: during a start there are none yet.
  const reason = error instanceof Error && error.cause instanceof RequestError ? error.cause : error;
  if (reason instanceof TimeoutError || reason instanceof RequestError) return true;
  return error instanceof JetStreamApiError && passing.has(error.apiError().code);
}

/**
 * Repeats `work` until it answers or fails for good. `work` must be safe to repeat (appends carry a message id).
 * @throws LateenError LTN_BUS_UNAVAILABLE when the attempts are used up or the bus closes.
 */
export async function retried<T>(what: string, options: RetryOptions, work: () => Promise<T>): Promise<T> {
  const backoff = new Backoff({ baseMs: 20, maxMs: 500, random: options.random });
  let last: unknown;
  for (let attempt = 0; attempt < attempts && !options.closed.aborted; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      last = error;
    }
    await sleep(options.clock, backoff.next(), options.closed);
  }
  throw unavailable(what, last);
}
