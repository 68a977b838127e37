import { type Bus, type RolloutNack, type RolloutStatus, subjects, type Subscription } from '@lateen/bus';
import type { Clock, Component, Timer } from '@lateen/runtime';
import type { Discovery } from './discovery.ts';
import { shortType } from './metrics.ts';

/** Changes within this time make one message. Milliseconds. */
const gatherMs = 5;

/** NACKs that one message carries at most, so that its size stays bounded. */
const maxNacks = 200;

/** How far the newest revision has come at this pilot's proxies. */
function rolloutStatus(pilot: string, discovery: Discovery): RolloutStatus {
  const proxies = [...discovery.proxies.values()];
  const acked = proxies.filter(({ ackedRevision = -1 }) => ackedRevision >= discovery.revision).length;
  const nacks: RolloutNack[] = [];
  for (const [prefix, server] of [
    ['tls', discovery.secure],
    ['plaintext', discovery.plaintext],
  ] as const) {
    for (const { connection, typeUrl, message } of server.nacks()) {
      const proxy = discovery.proxies.get(`${prefix}-${connection}`)?.proxy.id ?? '';
      nacks.push({ proxy, type: shortType(typeUrl), message });
    }
  }
  return {
    pilot,
    revision: discovery.revision,
    proxies: proxies.length,
    acked,
    nacks: nacks.slice(0, maxNacks),
  };
}

/** What publishing needs. */
export interface RolloutOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  /** Id of this pilot's run. */
  readonly pilot: string;
}

/** Publishes `subjects.rollout` whenever the status changes, and when galley asks. */
export class RolloutPublisher implements Component {
  readonly name = 'rollout status';
  readonly #options: RolloutOptions;
  readonly #discovery: () => Discovery;
  #subscription: Subscription | undefined;
  #timer: Timer | undefined;
  #last = '';

  constructor(options: RolloutOptions, discovery: () => Discovery) {
    this.#options = options;
    this.#discovery = discovery;
  }

  async start(): Promise<void> {
    this.#subscription = this.#options.bus.subscribe(subjects.rolloutQuery, () => {
      this.#last = '';
      this.changed();
    });
    this.changed();
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    // The last word: galley must not wait for proxies that have gone elsewhere.
    if (this.#timer) this.#publish();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Something that the status shows may have changed. */
  changed(): void {
    if (!this.#subscription || this.#timer) return;
    this.#timer = this.#options.clock.after(gatherMs, () => {
      this.#timer = undefined;
      this.#publish();
    });
  }

  #publish(): void {
    const text = JSON.stringify(rolloutStatus(this.#options.pilot, this.#discovery()));
    if (text === this.#last) return;
    this.#last = text;
    this.#options.bus.publish(subjects.rollout, new TextEncoder().encode(text));
  }
}
