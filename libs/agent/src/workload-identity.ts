import type { TlsIdentity } from '@lateen/rpc';
import {
  Backoff,
  type Clock,
  type Component,
  LateenError,
  type Logger,
  messageOf,
  type Random,
  type Timer,
  WatchValue,
} from '@lateen/runtime';
import {
  type CertificateRequestOptions,
  type Issued,
  joinWithToken,
  renewWithCertificate,
} from './certificate-request.ts';
import { type IdentityEvent, type IdentityState, nextState, renewalTime } from './identity-state.ts';

/** A certificate that ends at once (the authority's own end is near) must not become a busy loop. Milliseconds. */
const minRenewalDelayMs = 250;

/** Whose identity to keep and how. */
export interface WorkloadIdentityOptions {
  /** `HOST:PORT` of citadel's CreateCertificate. */
  readonly citadelAddress: string;
  /** A join token that is valid now; asked for at the first request, and when a certificate has expired. */
  readonly joinToken: () => Promise<string>;
  /** SPIFFE id to get. */
  readonly principal: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Life of a certificate, milliseconds; citadel's default when absent. */
  readonly ttlMs?: number | undefined;
  /** `start` gives up after this. Milliseconds, 30 s when absent. */
  readonly startTimeoutMs?: number;
  /** One request's limit. Milliseconds, 5 s when absent. */
  readonly requestTimeoutMs?: number;
}

/** An identity that renews itself. */
export interface WorkloadIdentity extends Component {
  /** Certificate, key and roots; `undefined` before the first. The private key exists in memory alone. */
  readonly identity: WatchValue<TlsIdentity | undefined>;
  readonly state: WatchValue<IdentityState>;
  /** End of the current certificate, epoch milliseconds; 0 before the first. */
  readonly notAfterMs: number;
  /** When the current certificate is renewed, epoch milliseconds; 0 before the first. */
  readonly renewsAtMs: number;
}

/**
 * Keeps a workload's certificate. `start` resolves with the first certificate and rejects when there is none in time.
 * Renewal proves itself by the certificate that is held, at half of its life; a failure keeps it and is tried again
 * with back-off; once it has expired a new join token is asked for.
 */
export function createWorkloadIdentity(options: WorkloadIdentityOptions): WorkloadIdentity {
  const { clock, random, logger } = options;
  const request: CertificateRequestOptions = {
    ...options,
    requestTimeoutMs: options.requestTimeoutMs ?? 5000,
  };
  const startTimeoutMs = options.startTimeoutMs ?? 30_000;
  const identity = new WatchValue<TlsIdentity | undefined>(undefined);
  const state = new WatchValue<IdentityState>('idle');
  const backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random });
  let notAfterMs = 0;
  let renewsAtMs = 0;
  let lastFailure: unknown;
  let timer: Timer | undefined;
  // An answer that arrives after a stop belongs to an older run.
  let run = 0;

  const enter = (event: IdentityEvent): boolean => {
    const next = nextState(state.current, event);
    if (next === undefined) return false;
    state.set(next);
    return true;
  };

  const received = (issued: Issued): void => {
    backoff.reset();
    ({ notAfterMs } = issued);
    renewsAtMs = renewalTime({ receivedAtMs: clock.now(), notAfterMs }, random());
    identity.set(issued.identity);
    enter('issued');
    logger.info({ principal: options.principal, notAfterMs, renewsAtMs }, 'a certificate was received');
    schedule(Math.max(minRenewalDelayMs, renewsAtMs - clock.now()));
  };

  const failed = (error: unknown): void => {
    lastFailure = error;
    enter('failed');
    const delayMs = backoff.next();
    logger.warn(
      { err: error, principal: options.principal, delayMs, notAfterMs },
      'no new certificate, trying again',
    );
    schedule(delayMs);
  };

  const ask = (): void => {
    const holds = identity.current !== undefined && clock.now() < notAfterMs;
    if (!enter(holds ? 'renew' : 'join')) return;
    const asking = run;
    const answer = holds
      ? renewWithCertificate(identity, request)
      : options.joinToken().then((token) => joinWithToken(token, request));
    answer.then(
      (issued) => {
        if (asking === run) received(issued);
      },
      (error: unknown) => {
        if (asking === run) failed(error);
      },
    );
  };

  const schedule = (delayMs: number): void => {
    timer = clock.after(delayMs, ask);
  };

  const stop = async (): Promise<void> => {
    run += 1;
    timer?.cancel();
    enter('stop');
  };

  const firstCertificate = async (): Promise<void> => {
    const limit = new AbortController();
    const cut = clock.after(startTimeoutMs, () => limit.abort(new Error('timeout')));
    try {
      await identity.until((current) => current !== undefined, limit.signal);
    } catch {
      // The abort above is the one reason; the last failure tells why nothing came.
      const why =
        lastFailure === undefined
          ? 'still waiting for a join token or for an answer, is citadel running?'
          : messageOf(lastFailure);
      const message = `no certificate for ${options.principal} from ${options.citadelAddress} within ${startTimeoutMs / 1000} s: ${why}`;
      throw new LateenError(message, {
        code: 'LTN_AGENT_NO_IDENTITY',
        origin: 'peer',
        retryable: true,
        cause: lastFailure,
      });
    } finally {
      cut.cancel();
    }
  };

  return {
    name: 'workload identity',
    identity,
    state,
    get notAfterMs() {
      return notAfterMs;
    },
    get renewsAtMs() {
      return renewsAtMs;
    },
    async start() {
      ask();
      try {
        await firstCertificate();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}
