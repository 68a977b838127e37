import type { ResourceSet, ResourcesByName } from '../resource.ts';
import { compareTypes, xdsTypes } from '../resource-type.ts';
import { TypeChannel, type XdsPush, type XdsRequest } from './channel.ts';
import type { DeliveryStep, SessionEvent, SessionLedger, XdsMode } from './ledger.ts';

const nothing: ResourcesByName = new Map();

/** Surroundings of a session. */
export interface SessionOptions {
  readonly mode: XdsMode;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Types that are switched over in the second step; everything else is made before and broken after. */
function isLate(typeUrl: string): boolean {
  return typeUrl === xdsTypes.listener || typeUrl === xdsTypes.route;
}

/**
 * One client's delivery: brings it from what it has to the newest resource set without a moment in which a route
 * names a cluster that the client doesn't have yet or no longer.
 *
 *   offer ──▶ make ──acked──▶ switch ──acked──▶ break ──acked──▶ rest
 *              ▲ clusters,     listeners,        removals
 *              │ endpoints     routes
 *              └── a newer set starts again here, merged with whatever is not sent yet
 *
 * A state machine without I/O: every input answers the responses to send. `deadline` names the step that waits for
 * the client; the shell calls `expire` with it when the client takes too long, and the delivery goes on.
 * A refused step goes on as well (the rest of it was applied), but nothing is removed while clusters, listeners or
 * routes stand refused: what the client kept instead may still need what would go.
 */
export class DeliverySession {
  readonly #options: SessionOptions;
  readonly #channels = new Map<string, TypeChannel>();
  #target: ResourceSet | undefined;
  /** The set whose listeners and routes were offered last. */
  #switched: ResourceSet | undefined;
  #step: DeliveryStep = 'rest';
  #holdRemovals = true;
  #stepNumber = 0;
  #expired = false;
  #nonces = 0;
  #acked: string | undefined;
  /** Types that were refused since the delivery began. */
  readonly #refused = new Set<string>();
  /** Names that the client has yet to ask for: endpoints of new clusters, routes of new listeners. */
  #awaitedEndpoints = new Set<string>();
  #awaitedRoutes = new Set<string>();
  readonly #sentAt = new Map<string, number>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Number of the step that waits for the client; `undefined` when none does. A new step has a new number. */
  get deadline(): number | undefined {
    const waits = this.#step === 'make' || this.#step === 'switch';
    return waits && this.#target && !this.#expired ? this.#stepNumber : undefined;
  }

  /** Takes a request. */
  request(request: XdsRequest): XdsPush[] {
    const { typeUrl } = request;
    let channel = this.#channels.get(typeUrl);
    if (!channel) {
      channel = new TypeChannel(typeUrl, {
        mode: this.#options.mode,
        now: this.#options.now,
        nonce: () => String(++this.#nonces),
      });
      this.#channels.set(typeUrl, channel);
      const source = isLate(typeUrl) ? this.#switched : this.#target;
      if (source) this.#offerTo(channel, source);
    }
    const outcome = channel.request(request);
    if (outcome === 'acked') {
      this.#refused.delete(typeUrl);
      const waitedMs = this.#options.now() - (this.#sentAt.get(typeUrl) ?? this.#options.now());
      this.#options.onEvent({ kind: 'acked', typeUrl, waitedMs });
    } else if (outcome === 'nacked') {
      this.#refused.add(typeUrl);
      this.#options.onEvent({ kind: 'nacked', typeUrl, message: request.error ?? '' });
    }
    return this.#advance();
  }

  /** The newest resource set replaces what is still on its way. */
  offer(target: ResourceSet): XdsPush[] {
    const previous = this.#target;
    this.#target = target;
    if (this.#step === 'rest') this.#refused.clear();
    if (this.#step !== 'make') this.#enter('make');
    this.#holdRemovals = true;
    for (const channel of this.#channels.values()) {
      if (!isLate(channel.typeUrl)) this.#offerTo(channel, target);
    }
    const clusters = target.types.get(xdsTypes.cluster) ?? nothing;
    this.#awaitedEndpoints = awaited(this.#awaitedEndpoints, xdsTypes.endpoint, { previous, target });
    for (const name of this.#awaitedEndpoints) if (!clusters.has(name)) this.#awaitedEndpoints.delete(name);
    return this.#advance();
  }

  /** The client took too long over a step. Answers nothing when that step is already over. */
  expire(stepNumber: number): XdsPush[] {
    if (stepNumber !== this.deadline) return [];
    this.#expired = true;
    this.#options.onEvent({ kind: 'timedOut', step: this.#step });
    return this.#advance();
  }

  #enter(step: DeliveryStep): void {
    this.#step = step;
    this.#stepNumber += 1;
    this.#expired = false;
  }

  #offerTo(channel: TypeChannel, set: ResourceSet): void {
    channel.offer(set.types.get(channel.typeUrl) ?? nothing, {
      // Listeners and routes are what uses the others: theirs is no removal that could come too early.
      holdRemovals: this.#holdRemovals && !isLate(channel.typeUrl),
      setVersion: set.version,
    });
  }

  #advance(): XdsPush[] {
    const pushes: XdsPush[] = [];
    for (;;) {
      this.#flush(pushes);
      const target = this.#target;
      if (!target) return pushes;
      if (this.#step === 'make' && (this.#expired || this.#made())) {
        this.#enter('switch');
        this.#awaitedRoutes = awaited(this.#awaitedRoutes, xdsTypes.route, {
          previous: this.#switched,
          target,
        });
        this.#switched = target;
        for (const channel of this.#channels.values())
          if (isLate(channel.typeUrl)) this.#offerTo(channel, target);
      } else if (this.#step === 'switch' && (this.#expired || this.#switchedOver())) {
        this.#enter('break');
        if (this.#mayRemove()) {
          this.#holdRemovals = false;
          for (const channel of this.#channels.values()) {
            if (!isLate(channel.typeUrl)) this.#offerTo(channel, target);
          }
        }
      } else if (this.#step === 'break' && this.#all(() => true)) {
        this.#enter('rest');
        const retains = [...this.#channels.values()].some((channel) => channel.retains);
        if (this.#refused.size === 0 && !retains) {
          this.#acked = target.version;
          this.#options.onEvent({ kind: 'converged', version: target.version });
        }
        return pushes;
      } else return pushes;
    }
  }

  #flush(pushes: XdsPush[]): void {
    for (const url of [...this.#channels.keys()].sort(compareTypes)) {
      const push = this.#channels.get(url)?.next();
      if (!push) continue;
      pushes.push(push);
      this.#sentAt.set(url, this.#options.now());
      const { resources, removed } = push;
      this.#options.onEvent({
        kind: 'pushed',
        typeUrl: url,
        resources: resources.length,
        removed: removed.length,
      });
      // Envoy warms a replaced cluster anew and waits for its endpoints, although they did not change.
      if (url === xdsTypes.cluster) this.#channels.get(xdsTypes.endpoint)?.forget(push.replaced);
    }
  }

  #all(includes: (typeUrl: string) => boolean): boolean {
    for (const channel of this.#channels.values()) {
      if (includes(channel.typeUrl) && !channel.settled) return false;
    }
    return true;
  }

  #made(): boolean {
    return (
      this.#all((typeUrl) => !isLate(typeUrl)) &&
      this.#asked(this.#awaitedEndpoints, xdsTypes.cluster, xdsTypes.endpoint)
    );
  }

  #switchedOver(): boolean {
    // A client that takes all clusters will ask for listeners too; Envoy does so once its clusters are warm.
    const expectsListeners = this.#channels.get(xdsTypes.cluster)?.subscription.wildcard === true;
    if (expectsListeners && !this.#channels.has(xdsTypes.listener)) return false;
    return this.#all(() => true) && this.#asked(this.#awaitedRoutes, xdsTypes.listener, xdsTypes.route);
  }

  /** Has the client asked for everything that the resources of `parentUrl` make it need? */
  #asked(names: Set<string>, parentUrl: string, childUrl: string): boolean {
    const parent = this.#channels.get(parentUrl);
    if (!parent?.subscription.wildcard || parent.refused) names.clear();
    const child = this.#channels.get(childUrl);
    if (child) for (const name of names) if (child.subscription.covers(name)) names.delete(name);
    return names.size === 0;
  }

  #mayRemove(): boolean {
    const users = [xdsTypes.cluster, xdsTypes.listener, xdsTypes.route];
    return !users.some((url) => this.#channels.get(url)?.refused);
  }

  /** Types that stand refused, with the client's reason. */
  nacks(): { typeUrl: string; message: string }[] {
    return [...this.#channels.values()].flatMap(({ typeUrl, nack }) =>
      nack ? [{ typeUrl, message: nack.message }] : [],
    );
  }

  /** What is known of this client. */
  ledger(): SessionLedger {
    const types = [...this.#channels.values()].map((channel) => channel.ledger());
    return {
      step: this.#step,
      offered: this.#target?.version,
      acked: this.#acked,
      types: types.sort((left, right) => compareTypes(left.typeUrl, right.typeUrl)),
    };
  }
}

/** Names of a type that are new in `target`, with those of before that are still in it. */
function awaited(
  before: ReadonlySet<string>,
  typeUrl: string,
  sets: { previous: ResourceSet | undefined; target: ResourceSet },
): Set<string> {
  const old = sets.previous?.types.get(typeUrl) ?? nothing;
  const wanted = sets.target.types.get(typeUrl) ?? nothing;
  const names = new Set<string>();
  for (const name of before) if (wanted.has(name)) names.add(name);
  if (wanted !== old) for (const name of wanted.keys()) if (!old.has(name)) names.add(name);
  return names;
}
