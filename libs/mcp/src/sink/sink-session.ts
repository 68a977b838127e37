import { rpcStatus } from '@lateen/rpc';
import type {
  istio_mcp_v1alpha1_RequestResources as RequestResources,
  istio_mcp_v1alpha1_Resource as Resource,
  istio_mcp_v1alpha1_Resources as Resources,
  istio_mcp_v1alpha1_SinkNode as SinkNode,
} from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import { nameOf, versionsAfter } from '../delta.ts';

/** What a sink asks for. */
export interface SinkSessionOptions<T> {
  readonly node: SinkNode;
  readonly collections: readonly string[];
  /** Ask for increments, and after a reconnection for what changed since. */
  readonly incremental: boolean;
  /** Opens a resource's body. What it throws NACKs the message with UNKNOWN. */
  readonly decode: (collection: string, resource: Resource) => T;
}

/** One collection as the sink holds it. Never changed in place. */
export interface SinkCollection<T> {
  readonly systemVersion: string;
  readonly versions: ReadonlyMap<string, string>;
  readonly objects: ReadonlyMap<string, T>;
}

/** What a message makes of a collection. */
export interface SinkChange<T> {
  readonly collection: string;
  readonly incremental: boolean;
  readonly state: SinkCollection<T>;
  /** Names whose object is new, other or gone. */
  readonly changed: ReadonlySet<string>;
}

/** What to do with a message: answer a NACK, or decide about a change and answer what `accept` or `refuse` makes. */
export type SinkStep<T> =
  | { kind: 'nack'; request: RequestResources; reason: string }
  | {
      kind: 'change';
      change: SinkChange<T>;
      /** Takes the change over; answers the ACK. */
      accept(): RequestResources;
      /** Leaves everything as it was; answers the NACK, INVALID_ARGUMENT. */
      refuse(message: string): RequestResources;
    };

/** A sink without its transport. It outlives streams: each new one begins with `initialRequests`. */
export class SinkSession<T> {
  readonly #options: SinkSessionOptions<T>;
  readonly #states = new Map<string, SinkCollection<T>>();

  constructor(options: SinkSessionOptions<T>) {
    this.#options = options;
  }

  /** State of each collection that has been received. */
  get states(): ReadonlyMap<string, SinkCollection<T>> {
    return this.#states;
  }

  /** First requests of a stream: one a collection, with the versions that are held already when increments are asked for. */
  initialRequests(): RequestResources[] {
    return this.#options.collections.map((collection) => {
      const request = this.#request(collection);
      const versions = this.#states.get(collection)?.versions;
      if (!this.#options.incremental || !versions || versions.size === 0) return request;
      const known: { [name: string]: string } = Object.create(null);
      for (const [name, version] of versions) known[name] = version;
      return { ...request, initialResourceVersions: known };
    });
  }

  receive(message: Resources): SinkStep<T> {
    const collection = message.collection ?? '';
    const nonce = message.nonce ?? '';
    const nack = (code: number, reason: string): SinkStep<T> => ({
      kind: 'nack',
      request: this.#answer(collection, nonce, { code, message: reason }),
      reason,
    });
    if (!this.#options.collections.includes(collection)) {
      return nack(rpcStatus.UNIMPLEMENTED, `unsupported collection ${collection}`);
    }
    let change: SinkChange<T>;
    try {
      change = this.#change(collection, message);
    } catch (error) {
      return nack(rpcStatus.UNKNOWN, messageOf(error));
    }
    return {
      kind: 'change',
      change,
      accept: () => {
        this.#states.set(collection, change.state);
        return this.#answer(collection, nonce);
      },
      refuse: (reason) =>
        this.#answer(collection, nonce, { code: rpcStatus.INVALID_ARGUMENT, message: reason }),
    };
  }

  #change(collection: string, message: Resources): SinkChange<T> {
    const known = this.#states.get(collection);
    const incremental = message.incremental === true;
    const systemVersion = message.systemVersionInfo ?? '';
    const changed = new Set<string>();
    const untouched = !message.resources?.length && !message.removedResources?.length;
    if (known && incremental && untouched) {
      return { collection, incremental, changed, state: { ...known, systemVersion } };
    }
    const before = known?.versions ?? new Map<string, string>();
    const versions = versionsAfter(before, message);
    const objects = new Map<string, T>(incremental ? known?.objects : []);
    for (const resource of message.resources ?? []) {
      const name = nameOf(resource);
      objects.set(name, this.#options.decode(collection, resource));
      if (!before.has(name) || before.get(name) !== versions.get(name)) changed.add(name);
    }
    for (const name of before.keys()) {
      if (versions.has(name)) continue;
      objects.delete(name);
      changed.add(name);
    }
    return { collection, incremental, changed, state: { systemVersion, versions, objects } };
  }

  #request(collection: string): RequestResources {
    const { node, incremental } = this.#options;
    return { sinkNode: node, collection, ...(incremental ? { incremental } : {}) };
  }

  #answer(
    collection: string,
    nonce: string,
    errorDetail?: { code: number; message: string },
  ): RequestResources {
    return { ...this.#request(collection), responseNonce: nonce, ...(errorDetail ? { errorDetail } : {}) };
  }
}
