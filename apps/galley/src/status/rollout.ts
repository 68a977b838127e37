import { type Bus, type RolloutNack, type RolloutStatus, subjects, type Subscription } from '@lateen/bus';
import type { Clock, Component, Logger, Timer } from '@lateen/runtime';

/** How far a revision has come. */
export interface RolloutReport {
  readonly revision: number;
  /** Every connected proxy has acknowledged the revision or a newer one. */
  readonly done: boolean;
  readonly proxies: number;
  readonly acked: number;
  readonly nacks: readonly RolloutNack[];
}

/** What the collection of statuses needs. */
export interface RolloutOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A pilot that is silent for this long, while another has reached the revision, is taken for gone. Milliseconds. */
  readonly silentAfterMs?: number;
}

interface Known {
  readonly status: RolloutStatus;
  readonly heardAt: number;
}

/** Pilots whose status is kept; the one heard longest ago falls out. */
const maxPilots = 100;

/** Keeps the newest status of each pilot and answers how far a revision has come. */
export class Rollout implements Component {
  readonly name = 'rollout';
  readonly #options: RolloutOptions;
  readonly #pilots = new Map<string, Known>();
  readonly #waiting = new Set<() => void>();
  #subscription: Subscription | undefined;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, logger } = this.#options;
    this.#subscription = bus.subscribe(subjects.rollout, (payload) => {
      const status = readStatus(payload);
      if (!status) return logger.warn({}, 'a rollout status is not readable');
      this.#hear(status);
    });
    // Pilots publish at changes; a galley that starts beside running ones has to ask.
    bus.publish(subjects.rolloutQuery, new Uint8Array());
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    for (const wake of this.#waiting) wake();
  }

  /** How far a revision is now, as seen by pilots that spoke since `since` or are not behind. */
  report(revision: number, since = 0): RolloutReport {
    const silentAfterMs = this.#options.silentAfterMs ?? 5000;
    const now = this.#options.clock.monotonic();
    const known = [...this.#pilots.values()];
    const someReached = known.some(({ status }) => status.revision >= revision);
    const counted = known.filter(({ status, heardAt }) => {
      const gone =
        status.revision < revision && heardAt <= since && now - since > silentAfterMs && someReached;
      return !gone;
    });
    let [proxies, acked] = [0, 0];
    const nacks: RolloutNack[] = [];
    for (const { status } of counted) {
      proxies += status.proxies;
      if (status.revision >= revision) {
        acked += status.acked;
        nacks.push(...status.nacks);
      }
    }
    const reached = counted.length > 0 && counted.every(({ status }) => status.revision >= revision);
    return { revision, done: reached && nacks.length === 0 && acked >= proxies, proxies, acked, nacks };
  }

  /** Waits until the revision is done, or every proxy has answered and some refused, or the time is over. */
  wait(revision: number, options: { timeoutMs: number; signal: AbortSignal }): Promise<RolloutReport> {
    const { clock } = this.#options;
    const since = clock.monotonic();
    return new Promise((resolve) => {
      let timers: Timer[] = [];
      const finish = (): void => {
        for (const timer of timers) timer.cancel();
        timers = [];
        this.#waiting.delete(look);
        options.signal.removeEventListener('abort', finish);
        resolve(this.report(revision, since));
      };
      const look = (): void => {
        const report = this.report(revision, since);
        const refused = report.nacks.length > 0 && report.acked + proxiesOf(report.nacks) >= report.proxies;
        if (report.done || refused || this.#subscription === undefined) finish();
      };
      this.#waiting.add(look);
      options.signal.addEventListener('abort', finish, { once: true });
      timers = [
        clock.after(options.timeoutMs, finish),
        clock.after((this.#options.silentAfterMs ?? 5000) + 1, look),
      ];
      look();
    });
  }

  #hear(status: RolloutStatus): void {
    this.#pilots.delete(status.pilot);
    this.#pilots.set(status.pilot, { status, heardAt: this.#options.clock.monotonic() });
    if (this.#pilots.size > maxPilots) this.#pilots.delete(this.#pilots.keys().next().value as string);
    for (const wake of this.#waiting) wake();
  }
}

function proxiesOf(nacks: readonly RolloutNack[]): number {
  return new Set(nacks.map((nack) => nack.proxy)).size;
}

function readStatus(payload: Uint8Array): RolloutStatus | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined; // not JSON: the caller reports it
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { pilot, revision, proxies, acked, nacks } = json as Partial<Record<keyof RolloutStatus, unknown>>;
  if (typeof pilot !== 'string' || ![revision, proxies, acked].every(Number.isSafeInteger)) return undefined;
  if (!Array.isArray(nacks)) return undefined;
  return {
    pilot,
    revision: revision as number,
    proxies: proxies as number,
    acked: acked as number,
    nacks: nacks.filter(isNack),
  };
}

function isNack(value: unknown): value is RolloutNack {
  const { proxy, type, message } = (value ?? {}) as Partial<Record<keyof RolloutNack, unknown>>;
  return typeof proxy === 'string' && typeof type === 'string' && typeof message === 'string';
}
