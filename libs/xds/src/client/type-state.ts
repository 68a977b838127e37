import type {
  envoy_service_discovery_v3_DeltaDiscoveryRequest,
  envoy_service_discovery_v3_DeltaDiscoveryResponse,
  envoy_service_discovery_v3_DiscoveryRequest,
  envoy_service_discovery_v3_DiscoveryResponse,
  google_protobuf_Any,
} from '@lateen/protos';
import { hasLegacyWildcard, isFullState } from '../resource-type.ts';
import type { Rejection } from './handler.ts';

/** Everything, or the named ones. */
export type WantedNames = '*' | Iterable<string>;

/** A response of either protocol. */
export type DiscoveryResponse =
  | ({ readonly mode: 'sotw' } & envoy_service_discovery_v3_DiscoveryResponse)
  | ({ readonly mode: 'delta' } & envoy_service_discovery_v3_DeltaDiscoveryResponse);

/** A request of either protocol, without its node. */
export type DiscoveryRequest =
  | ({ readonly mode: 'sotw' } & envoy_service_discovery_v3_DiscoveryRequest)
  | ({ readonly mode: 'delta' } & envoy_service_discovery_v3_DeltaDiscoveryRequest);

/** A resource of a response, decoded. */
export interface Decoded {
  readonly name: string;
  readonly message: object;
}

/** Opens a resource. @throws Error when it is of another type or its bytes are broken. */
export type DecodeResource = (body: google_protobuf_Any) => Decoded;

/** What a response asks of the handler. */
export interface Received {
  readonly updated: readonly { name: string; version: string; message: object }[];
  readonly removed: readonly string[];
  /** Resources that could not even be decoded. */
  readonly broken: readonly Rejection[];
  readonly version: string;
}

/** What the client has of one type. */
export interface TypeStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly names: readonly string[];
  /** Last response that was taken whole; delta: the server's system version. */
  readonly version: string;
  /** Names in force with their versions. */
  readonly resources: ReadonlyMap<string, string>;
  /** Refused resources of the last response, until a response is taken whole. */
  readonly rejected: readonly Rejection[];
}

interface Held {
  readonly version: string;
  /** The bytes, to see in a full state what did not change. */
  readonly bytes: Uint8Array;
}

/**
 * One type's conversation as the client holds it, without I/O. `opening` starts it on a new stream with what is known
 * already, `receive` takes a response, `conclude` answers it, `renamed` tells the server of other names.
 */
export class ClientTypeState {
  readonly typeUrl: string;
  readonly #mode: 'sotw' | 'delta';
  readonly #decode: DecodeResource;
  #wildcard = false;
  #names = new Set<string>();
  /** What the server has been told on this stream. */
  #told: { wildcard: boolean; names: Set<string> } | undefined;
  #nonce = '';
  #version = '';
  readonly #held = new Map<string, Held>();
  /** Names of the server's full state that we refused: not held, yet not removed either. */
  readonly #refused = new Set<string>();
  #rejected: readonly Rejection[] = [];
  #pending = new Map<string, Held>();

  constructor(typeUrl: string, options: { mode: 'sotw' | 'delta'; decode: DecodeResource }) {
    this.typeUrl = typeUrl;
    this.#mode = options.mode;
    this.#decode = options.decode;
  }

  /** Changes what is wanted. What is no longer wanted is forgotten. */
  want(names: WantedNames): void {
    this.#wildcard = names === '*';
    this.#names = names === '*' ? new Set() : new Set(names);
    if (this.#wildcard) return;
    for (const name of this.#held.keys()) if (!this.#names.has(name)) this.#held.delete(name);
    for (const name of this.#refused) if (!this.#names.has(name)) this.#refused.delete(name);
  }

  /** Is anything wanted? */
  get wanted(): boolean {
    return this.#wildcard || this.#names.size > 0;
  }

  /** First request on a new stream. */
  opening(): DiscoveryRequest {
    this.#nonce = '';
    this.#told = { wildcard: this.#wildcard, names: new Set(this.#names) };
    const { typeUrl } = this;
    const names = this.#nameList();
    if (this.#mode === 'sotw') {
      return { mode: 'sotw', typeUrl, versionInfo: this.#version, resourceNames: names };
    }
    const initialResourceVersions: { [name: string]: string } = Object.create(null);
    for (const [name, held] of this.#held) initialResourceVersions[name] = held.version;
    return { mode: 'delta', typeUrl, resourceNamesSubscribe: names, initialResourceVersions };
  }

  /** Request that brings the server's idea of the wanted names up to date; `undefined` when it is already. */
  renamed(): DiscoveryRequest | undefined {
    if (!this.#told) return this.wanted ? this.opening() : undefined;
    const { wildcard, names } = this.#told;
    const added = [...this.#names].filter((name) => !names.has(name));
    const dropped = [...names].filter((name) => !this.#names.has(name));
    if (added.length === 0 && dropped.length === 0 && wildcard === this.#wildcard) return undefined;
    this.#told = { wildcard: this.#wildcard, names: new Set(this.#names) };
    const { typeUrl } = this;
    if (this.#mode === 'sotw') return this.#sotwRequest();
    if (wildcard && !this.#wildcard) dropped.push('*');
    if (!wildcard && this.#wildcard) added.push('*');
    return { mode: 'delta', typeUrl, resourceNamesSubscribe: added, resourceNamesUnsubscribe: dropped };
  }

  /** The stream is gone: the next one starts with `opening`. */
  closed(): void {
    this.#told = undefined;
  }

  /** Decodes a response and tells what changes. `conclude` must follow. */
  receive(response: DiscoveryResponse): Received {
    this.#nonce = response.nonce ?? '';
    this.#pending = new Map();
    return response.mode === 'sotw' ? this.#receiveState(response) : this.#receiveDelta(response);
  }

  #receiveState(response: DiscoveryResponse & { mode: 'sotw' }): Received {
    const version = response.versionInfo ?? '';
    const updated: { name: string; version: string; message: object }[] = [];
    const broken: Rejection[] = [];
    const present = new Set<string>();
    for (const [index, body] of (response.resources ?? []).entries()) {
      const decoded = this.#open(body, `resource ${index}`, broken);
      if (!decoded) continue;
      const { name, message } = decoded;
      present.add(name);
      if (!this.#wildcard && !this.#names.has(name)) continue;
      const bytes = body.value ?? new Uint8Array();
      const held = this.#held.get(name);
      if (held && !this.#refused.has(name) && Buffer.compare(held.bytes, bytes) === 0) continue;
      this.#pending.set(name, { version, bytes });
      updated.push({ name, version, message });
    }
    const removed: string[] = [];
    // A resource that cannot be decoded has no name: it may be any that is missing, so none is removed then.
    if (isFullState(this.typeUrl) && broken.length === 0) {
      for (const name of this.#held.keys()) if (!present.has(name)) removed.push(name);
      for (const name of this.#refused) if (!present.has(name)) this.#refused.delete(name);
    }
    for (const name of removed) this.#held.delete(name);
    return { updated, removed, broken, version };
  }

  #receiveDelta(response: DiscoveryResponse & { mode: 'delta' }): Received {
    const updated: { name: string; version: string; message: object }[] = [];
    const broken: Rejection[] = [];
    for (const resource of response.resources ?? []) {
      const name = resource.name ?? '';
      if (!this.#wildcard && !this.#names.has(name)) continue;
      const version = resource.version ?? '';
      const decoded = this.#open(resource.resource ?? {}, name, broken);
      if (!decoded) continue;
      this.#pending.set(name, { version, bytes: new Uint8Array() });
      updated.push({ name, version, message: decoded.message });
    }
    const removed = (response.removedResources ?? []).filter((name) => this.#held.delete(name));
    for (const name of response.removedResources ?? []) this.#refused.delete(name);
    return { updated, removed, broken, version: response.systemVersionInfo ?? '' };
  }

  #open(body: google_protobuf_Any, name: string, broken: Rejection[]): Decoded | undefined {
    try {
      return this.#decode(body);
    } catch (error) {
      broken.push({ name, reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  /** Answer to the response that `receive` took: ACK, or NACK naming what was rejected. */
  conclude(received: Received, rejections: readonly Rejection[]): DiscoveryRequest {
    const rejected = [...received.broken, ...rejections];
    const refused = new Set(rejections.map(({ name }) => name));
    for (const [name, held] of this.#pending) {
      if (refused.has(name)) this.#refused.add(name);
      else {
        this.#refused.delete(name);
        this.#held.set(name, held);
      }
    }
    this.#pending = new Map();
    this.#rejected = rejected;
    if (rejected.length === 0) this.#version = received.version;
    const message = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('\n');
    const error = rejected.length > 0 ? { errorDetail: { code: 13, message } } : {};
    if (this.#mode === 'sotw') return { ...this.#sotwRequest(), ...error };
    return { mode: 'delta', typeUrl: this.typeUrl, responseNonce: this.#nonce, ...error };
  }

  #sotwRequest(): DiscoveryRequest & { mode: 'sotw' } {
    this.#told = { wildcard: this.#wildcard, names: new Set(this.#names) };
    return {
      mode: 'sotw',
      typeUrl: this.typeUrl,
      versionInfo: this.#version,
      resourceNames: this.#nameList(),
      responseNonce: this.#nonce,
    };
  }

  #nameList(): string[] {
    if (!this.#wildcard) return [...this.#names];
    return hasLegacyWildcard(this.typeUrl) ? [] : ['*'];
  }

  /** What is in force. */
  status(): TypeStatus {
    const resources = new Map<string, string>();
    for (const [name, held] of this.#held) resources.set(name, held.version);
    return {
      typeUrl: this.typeUrl,
      wildcard: this.#wildcard,
      names: [...this.#names],
      version: this.#version,
      resources,
      rejected: this.#rejected,
    };
  }
}
