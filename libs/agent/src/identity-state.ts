/** Where a workload's identity stands. `active` and `rotating` and `degraded` may hold a certificate that still works. */
export type IdentityState = 'idle' | 'requesting' | 'active' | 'rotating' | 'degraded';

/** What happens to it. `join` asks with a join token, `renew` with the certificate that is held. */
export type IdentityEvent = 'join' | 'renew' | 'issued' | 'failed' | 'stop';

const transitions: Readonly<Record<IdentityState, Readonly<Partial<Record<IdentityEvent, IdentityState>>>>> =
  {
    idle: { join: 'requesting', stop: 'idle' },
    requesting: { issued: 'active', failed: 'degraded', stop: 'idle' },
    active: { renew: 'rotating', join: 'requesting', stop: 'idle' },
    rotating: { issued: 'active', failed: 'degraded', stop: 'idle' },
    degraded: { renew: 'rotating', join: 'requesting', stop: 'idle' },
  };

/** The state after an event; `undefined` when the event means nothing there (an answer that came after a stop). */
export function nextState(state: IdentityState, event: IdentityEvent): IdentityState | undefined {
  return transitions[state][event];
}

/** From when until when a certificate serves its holder, epoch milliseconds. */
export interface CertificateLife {
  /** When it was received: its own notBefore is backdated for peers whose clocks are behind. */
  readonly receivedAtMs: number;
  readonly notAfterMs: number;
}

/** Renewal falls on half of the life, this much earlier or later, so that a fleet doesn't ask at once. */
const jitter = 0.01;

/** When to renew a certificate, epoch milliseconds. `random` in [0, 1). Istio's ratio, 0.5 ± 0.01. */
export function renewalTime(life: CertificateLife, random: number): number {
  const ratio = 0.5 + jitter * (2 * random - 1);
  return life.receivedAtMs + Math.max(0, life.notAfterMs - life.receivedAtMs) * ratio;
}
