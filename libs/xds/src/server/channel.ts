import { contentVersion, type ResourcesByName, versionOf, type XdsResource } from '../resource.ts';
import { hasLegacyWildcard, isFullState } from '../resource-type.ts';
import type { LedgerEntry, LedgerNack, TypeLedger, XdsMode } from './ledger.ts';
import { Subscription } from './subscription.ts';

/** A request of either protocol, for one type. */
export type XdsRequest =
  | {
      readonly mode: 'sotw';
      readonly typeUrl: string;
      readonly version: string;
      readonly nonce: string;
      readonly names: readonly string[];
      /** Reason of a NACK. */
      readonly error: string | undefined;
    }
  | {
      readonly mode: 'delta';
      readonly typeUrl: string;
      readonly nonce: string;
      readonly subscribe: readonly string[];
      readonly unsubscribe: readonly string[];
      readonly initialVersions: ReadonlyMap<string, string>;
      readonly error: string | undefined;
    };

/** A response of either protocol. */
export interface XdsPush {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly XdsResource[];
  /** Delta alone. */
  readonly removed: readonly string[];
  /** Names whose content differs from what the client was sent before: not the first time that it gets them. */
  readonly replaced: readonly string[];
}

/** What a request meant. `stale` changed nothing. */
export type RequestOutcome = 'subscribed' | 'acked' | 'nacked' | 'names' | 'stale';

/** What the client holds of a resource; without a body when all we have is the client's word (delta resume). */
interface Known {
  readonly version: string;
  readonly body?: XdsResource['body'];
}

/** A client was told that there is no such resource. */
const absent: Known = { version: '' };

/** What the client should have against what it was sent. */
interface Difference {
  readonly changed: XdsResource[];
  readonly removed: readonly string[];
  /** Gone, but not to be taken away yet. */
  readonly retained: ReadonlyMap<string, Known>;
}

interface Outstanding extends LedgerEntry {
  /** Names in the response, with what the client had accepted of each before. */
  readonly before: ReadonlyMap<string, Known | undefined>;
}

/**
 * One type at one client: what it wants, what it has, what it owes an answer to. A state machine without I/O:
 * `request` takes what the client says, `offer` what it should have, `next` answers the response to send now, if any.
 * While a response is outstanding nothing is sent; whatever is offered meanwhile is merged into the next one.
 */
export class TypeChannel {
  readonly typeUrl: string;
  readonly subscription = new Subscription();
  readonly #mode: XdsMode;
  readonly #now: () => number;
  readonly #nonce: () => string;

  #subscribed = false;
  #offered: ResourcesByName | undefined;
  #setVersion = '';
  #holdRemovals = true;
  #dirty = false;
  #mustAnswer = false;
  /** Version that a reconnecting state-of-the-world client says it has. */
  #resumeVersion = '';

  #sent: ReadonlyMap<string, Known> = new Map();
  #retained = 0;
  /** Names that the client refused, with what it had accepted of each before. */
  readonly #refused = new Map<string, Known | undefined>();
  #outstanding: Outstanding | undefined;
  #lastSent: LedgerEntry | undefined;
  #lastAcked: LedgerEntry | undefined;
  #lastNack: LedgerNack | undefined;

  constructor(typeUrl: string, options: { mode: XdsMode; now: () => number; nonce: () => string }) {
    this.typeUrl = typeUrl;
    this.#mode = options.mode;
    this.#now = options.now;
    this.#nonce = options.nonce;
  }

  /** Nothing to send and no answer owed. */
  get settled(): boolean {
    return !this.#outstanding && !this.#dirty;
  }

  get refused(): boolean {
    return this.#lastNack !== undefined;
  }

  /** The refusal that stands. */
  get nack(): LedgerNack | undefined {
    return this.#lastNack;
  }

  /** Does the client keep resources that are only waiting for their removal? */
  get retains(): boolean {
    return this.#retained > 0;
  }

  /**
   * What the client should have. With `holdRemovals` nothing is taken away from it yet. `setVersion` is shown in
   * delta responses.
   */
  offer(resources: ResourcesByName, options: { holdRemovals: boolean; setVersion: string }): void {
    this.#setVersion = options.setVersion;
    const released = this.#holdRemovals && !options.holdRemovals && this.#retained > 0;
    if (resources !== this.#offered || released) this.#dirty = true;
    this.#offered = resources;
    this.#holdRemovals = options.holdRemovals;
  }

  /** Sends these names again although the client has them: a replaced cluster waits for its endpoints anew. */
  forget(names: Iterable<string>): void {
    const held = [...names].filter((name) => this.#sent.has(name));
    if (held.length === 0) return;
    const own = new Map(this.#sent);
    for (const name of held) own.delete(name);
    this.#sent = own;
    this.#dirty = true;
  }

  /** Takes a request of the client's. */
  request(request: XdsRequest): RequestOutcome {
    const first = !this.#subscribed;
    this.#subscribed = true;
    if (request.mode === 'sotw') return this.#sotwRequest(request, first);
    return this.#deltaRequest(request, first);
  }

  #sotwRequest(request: XdsRequest & { mode: 'sotw' }, first: boolean): RequestOutcome {
    const legacy = hasLegacyWildcard(this.typeUrl);
    if (first) {
      this.subscription.replace(request.names, legacy);
      if (isFullState(this.typeUrl)) this.#resumeVersion = request.version;
      this.#mustAnswer = true;
      this.#dirty = true;
      return 'subscribed';
    }
    if (request.nonce !== (this.#lastSent?.nonce ?? '')) return 'stale';
    const answered = this.#answer(request.nonce, request.error);
    const { added, removed, wildcardChanged } = this.subscription.replace(request.names, legacy);
    if (added.length > 0 || removed.length > 0 || wildcardChanged) {
      this.#narrow(removed, wildcardChanged);
      this.#dirty = true;
    }
    return answered ?? 'names';
  }

  #deltaRequest(request: XdsRequest & { mode: 'delta' }, first: boolean): RequestOutcome {
    const legacy = hasLegacyWildcard(this.typeUrl);
    if (first) {
      this.subscription.change(request.subscribe, request.unsubscribe, legacy);
      const resumed = new Map<string, Known>();
      for (const [name, version] of request.initialVersions) {
        if (this.subscription.covers(name)) resumed.set(name, { version });
      }
      this.#sent = resumed;
      this.#mustAnswer = true;
      this.#dirty = true;
      return 'subscribed';
    }
    const answered = this.#answer(request.nonce, request.error);
    const { subscribe, unsubscribe } = request;
    if (subscribe.length > 0 || unsubscribe.length > 0) {
      const change = this.subscription.change(subscribe, unsubscribe, legacy);
      this.#narrow(change.removed, change.wildcardChanged);
      // A name that is asked for again is sent again, whether it changed or not.
      this.forget(subscribe);
      this.#dirty = true;
    }
    if (answered) return answered;
    // Names in a request with an old nonce count all the same: delta requests add up.
    return request.nonce === '' || subscribe.length > 0 || unsubscribe.length > 0 ? 'names' : 'stale';
  }

  #answer(nonce: string, error: string | undefined): 'acked' | 'nacked' | undefined {
    const outstanding = this.#outstanding;
    if (!outstanding || nonce !== outstanding.nonce) return undefined;
    this.#outstanding = undefined;
    const entry = { version: outstanding.version, nonce, at: this.#now() };
    if (error !== undefined) {
      for (const [name, before] of outstanding.before) {
        if (!this.#refused.has(name)) this.#refused.set(name, before);
      }
      this.#lastNack = { ...entry, message: error };
      return 'nacked';
    }
    if (this.#mode === 'sotw' && isFullState(this.typeUrl)) this.#refused.clear();
    for (const name of outstanding.before.keys()) this.#refused.delete(name);
    if (this.#refused.size === 0) this.#lastNack = undefined;
    this.#lastAcked = entry;
    return 'acked';
  }

  /** Forgets what the client no longer asks for, so that it is sent anew should it ask again. */
  #narrow(removed: readonly string[], wildcardChanged: boolean): void {
    const gone = wildcardChanged
      ? [...this.#sent.keys()].filter((name) => !this.subscription.covers(name))
      : removed.filter((name) => !this.subscription.covers(name));
    if (gone.length === 0) return;
    const own = new Map(this.#sent);
    for (const name of gone) {
      own.delete(name);
      this.#absolve(name);
    }
    this.#sent = own;
  }

  /** A refused resource that the client need not have any more is no longer held against it. */
  #absolve(name: string): void {
    if (this.#refused.delete(name) && this.#refused.size === 0) this.#lastNack = undefined;
  }

  /** The response to send now; `undefined` when there is nothing to say or the client owes an answer. */
  next(): XdsPush | undefined {
    const offered = this.#offered;
    if (!this.#subscribed || this.#outstanding || !offered || !this.#dirty) return undefined;
    this.#dirty = false;
    const difference = this.#compare(offered);
    const { changed, removed, retained } = difference;
    this.#retry(offered, difference);
    this.#retained = retained.size;
    const full = this.#mode === 'sotw' && isFullState(this.typeUrl);
    const wholeSet = retained.size === 0 && this.subscription.wildcard ? offered : undefined;

    const resumeVersion = this.#resumeVersion;
    this.#resumeVersion = '';
    if (resumeVersion !== '' && wholeSet && versionOf(wholeSet) === resumeVersion) {
      // The client came back with exactly this: nothing to send, and it counts as acknowledged.
      this.#sent = wholeSet;
      this.#mustAnswer = false;
      this.#lastAcked = { version: resumeVersion, nonce: '', at: this.#now() };
      return undefined;
    }
    const before = new Map<string, Known | undefined>();
    for (const resource of changed) before.set(resource.name, this.#accepted(resource.name));
    const replaced = changed.filter(({ name }) => this.#sent.has(name)).map(({ name }) => name);
    this.#sent = this.#after(wholeSet, difference);
    for (const name of removed) this.#absolve(name);
    // State of the world has no words for a removed resource of the types that are updated one by one.
    const tellRemoved = this.#mode === 'delta' ? removed : [];
    const silent = changed.length === 0 && (full ? removed : tellRemoved).length === 0;
    if (silent && !this.#mustAnswer) return undefined;
    this.#mustAnswer = false;

    const resources = full ? this.#bodies() : changed;
    const version =
      this.#mode === 'delta' ? this.#setVersion : this.#responseVersion(full, wholeSet, resources);
    const nonce = this.#nonce();
    const entry = { version, nonce, at: this.#now() };
    this.#lastSent = entry;
    this.#outstanding = { ...entry, before };
    return { typeUrl: this.typeUrl, nonce, version, resources, removed: tellRemoved, replaced };
  }

  #responseVersion(
    full: boolean,
    wholeSet: ResourcesByName | undefined,
    resources: readonly XdsResource[],
  ): string {
    if (full && wholeSet) return versionOf(wholeSet);
    return contentVersion(
      resources
        .map(({ name, version }) => `${name}\n${version}`)
        .sort()
        .join('\n'),
    );
  }

  /** What the client has accepted of a name, as far as we know. */
  #accepted(name: string): Known | undefined {
    return this.#refused.has(name) ? this.#refused.get(name) : this.#sent.get(name);
  }

  #compare(offered: ResourcesByName): Difference {
    const changed: XdsResource[] = [];
    const removed: string[] = [];
    const retained = new Map<string, Known>();
    const lose = (name: string): void => {
      // A removed resource stays until the break step, in the form that the client last took. One that it never
      // took cannot be in use: repeating it would only be refused again.
      const accepted = this.#accepted(name);
      const keeps = accepted && accepted !== absent && (this.#mode === 'delta' || accepted.body);
      if (this.#holdRemovals && keeps) retained.set(name, accepted);
      else removed.push(name);
    };
    if (this.subscription.wildcard) {
      if (this.#sent === offered) return { changed, removed, retained };
      for (const [name, resource] of offered) {
        if (this.#sent.get(name)?.version !== resource.version) changed.push(resource);
      }
      for (const name of this.#sent.keys()) if (!offered.has(name)) lose(name);
      return { changed, removed, retained };
    }
    for (const name of this.subscription.names) {
      const resource = offered.get(name);
      const sent = this.#sent.get(name);
      if (resource) {
        if (sent?.version !== resource.version) changed.push(resource);
      } else if (!sent) removed.push(name);
      else if (sent !== absent) lose(name);
    }
    return { changed, removed, retained };
  }

  /**
   * A refusal doesn't say which of a response's resources were bad. Once one of them is replaced or removed, the
   * others are sent again with it, so that the answer tells whether anything bad is left.
   */
  #retry(offered: ResourcesByName, { changed, removed }: Difference): void {
    const fresh = new Set(changed.map(({ name }) => name));
    const touched =
      removed.some((name) => this.#refused.has(name)) || [...fresh].some((name) => this.#refused.has(name));
    if (!touched) return;
    for (const name of this.#refused.keys()) {
      const resource = offered.get(name);
      if (resource && !fresh.has(name) && this.subscription.covers(name)) changed.push(resource);
    }
  }

  /** What the client has once it has the response. */
  #after(
    wholeSet: ResourcesByName | undefined,
    { changed, removed, retained }: Difference,
  ): ReadonlyMap<string, Known> {
    if (wholeSet) return wholeSet;
    if (changed.length === 0 && removed.length === 0 && retained.size === 0) return this.#sent;
    const own = new Map(this.#sent);
    for (const resource of changed) own.set(resource.name, resource);
    for (const name of removed) {
      if (this.subscription.names.has(name)) own.set(name, absent);
      else own.delete(name);
    }
    for (const [name, known] of retained) own.set(name, known);
    return own;
  }

  #bodies(): XdsResource[] {
    const resources: XdsResource[] = [];
    for (const [name, { version, body }] of this.#sent) if (body) resources.push({ name, version, body });
    return resources;
  }

  /** What is known of this type, for status pages. */
  ledger(): TypeLedger {
    let resources = 0;
    for (const known of this.#sent.values()) if (known !== absent) resources += 1;
    return {
      typeUrl: this.typeUrl,
      wildcard: this.subscription.wildcard,
      names: [...this.subscription.names],
      resources,
      sent: this.#lastSent,
      acked: this.#lastAcked,
      nack: this.#lastNack,
      outstanding: this.#outstanding !== undefined,
    };
  }
}
