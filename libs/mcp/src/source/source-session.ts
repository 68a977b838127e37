import type {
  istio_mcp_v1alpha1_RequestResources as RequestResources,
  istio_mcp_v1alpha1_Resource as Resource,
  istio_mcp_v1alpha1_Resources as Resources,
} from '@lateen/protos';
import { deltaOf, versionsOf } from '../delta.ts';
import type { McpSnapshot } from './snapshot.ts';

/** What a request of a sink was. */
export type SourceStep =
  | { kind: 'subscribed' }
  | { kind: 'acknowledged' }
  | { kind: 'refused'; code: number; message: string }
  /** Its nonce isn't the last one sent: it answers something older and changes nothing. */
  | { kind: 'stale' }
  /** No such collection: the stream must fail. */
  | { kind: 'unsupported' };

/** What a source serves. */
export interface SourceSessionOptions {
  readonly collections: ReadonlySet<string>;
  /** Send increments to sinks that ask for them. */
  readonly incremental: boolean;
}

/** One collection of one stream. `armed`: the sink waits for the next version; else a push is outstanding. */
interface Watch {
  incremental: boolean;
  armed: boolean;
  nonce: string;
  sentVersion: string | undefined;
  /** Versions that the sink holds for sure. */
  acknowledged: ReadonlyMap<string, string>;
  /** The map whose versions `acknowledged` is, to know at once that nothing changed. */
  acknowledgedResources: ReadonlyMap<string, Resource> | undefined;
  outstanding: ReadonlyMap<string, Resource> | undefined;
}

/**
 * One stream of a source, without its transport: requests and snapshots go in, messages come out of `next`. At most
 * one push per collection is outstanding. A sink is brought to one snapshot in all its collections before it hears of a
 * newer one, so that it can put them together; what changes meanwhile is folded into the next.
 */
export class SourceSession {
  readonly #options: SourceSessionOptions;
  readonly #watches = new Map<string, Watch>();
  #target: McpSnapshot | undefined;
  #newest: McpSnapshot | undefined;
  #nonce = 0;

  constructor(options: SourceSessionOptions) {
    this.#options = options;
  }

  /** The newest state; an older one that nobody was told of is forgotten. */
  offer(snapshot: McpSnapshot): void {
    this.#newest = snapshot;
  }

  receive(request: RequestResources): SourceStep {
    const collection = request.collection ?? '';
    if (!this.#options.collections.has(collection)) return { kind: 'unsupported' };
    const watch = this.#watches.get(collection);
    if (!watch) {
      const incremental = this.#options.incremental && request.incremental === true;
      this.#watches.set(collection, {
        incremental,
        armed: true,
        nonce: '',
        sentVersion: undefined,
        acknowledged: new Map(incremental ? Object.entries(request.initialResourceVersions ?? {}) : []),
        acknowledgedResources: undefined,
        outstanding: undefined,
      });
      return { kind: 'subscribed' };
    }
    if (request.responseNonce !== watch.nonce || watch.armed) return { kind: 'stale' };
    watch.armed = true;
    watch.incremental = this.#options.incremental && request.incremental === true;
    const outstanding = watch.outstanding ?? new Map<string, Resource>();
    watch.outstanding = undefined;
    if (request.errorDetail) {
      return {
        kind: 'refused',
        code: request.errorDetail.code ?? 0,
        message: request.errorDetail.message ?? '',
      };
    }
    if (outstanding !== watch.acknowledgedResources) watch.acknowledged = versionsOf(outstanding);
    watch.acknowledgedResources = outstanding;
    return { kind: 'acknowledged' };
  }

  /** The next message to send, if any; taking it makes it outstanding. */
  next(): Resources | undefined {
    if (this.#newest !== this.#target && this.#stands()) this.#target = this.#newest;
    for (const [name, watch] of this.#watches) {
      const collection = this.#target?.get(name);
      if (!collection || !watch.armed || watch.sentVersion === collection.version) continue;
      const { resources, version } = collection;
      watch.armed = false;
      watch.nonce = String(++this.#nonce);
      watch.sentVersion = version;
      watch.outstanding = resources;
      const message = { collection: name, nonce: watch.nonce, systemVersionInfo: version };
      if (!watch.incremental) return { ...message, resources: [...resources.values()] };
      if (resources === watch.acknowledgedResources) return { ...message, incremental: true };
      const { updated, removed } = deltaOf(resources, watch.acknowledged);
      return { ...message, incremental: true, resources: [...updated], removedResources: [...removed] };
    }
    return undefined;
  }

  /** Has every collection of this stream been brought to the target and been answered for? */
  #stands(): boolean {
    for (const [name, watch] of this.#watches) {
      if (!watch.armed) return false;
      const wanted = this.#target?.get(name);
      if (wanted && watch.sentVersion !== wanted.version) return false;
    }
    return true;
  }
}
