import { createHash } from 'node:crypto';
import { encode, type google_protobuf_Any, type MessageName, type Messages, typeUrl } from '@lateen/protos';

/** A resource ready for the wire. Immutable, and shared by every proxy that gets the same content. */
export interface XdsResource {
  readonly name: string;
  /** Derived from the content alone: equal content has an equal version, on every server. */
  readonly version: string;
  readonly body: google_protobuf_Any;
}

/** Resources of one type by name. Never changed once handed over. */
export type ResourcesByName = ReadonlyMap<string, XdsResource>;

/** Everything that one proxy should have at one moment. A type that is absent is a type that nobody serves. */
export interface ResourceSet {
  /** What the set was made of, for instance the revision of the configuration. Compared for equality alone. */
  readonly version: string;
  /** By type URL. Hand over the same map again where nothing changed: it is then skipped without a look. */
  readonly types: ReadonlyMap<string, ResourcesByName>;
}

/** Hash of some text or bytes as versions use it: 96 bits, base64url. */
export function contentVersion(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 16);
}

const setVersions = new WeakMap<ResourcesByName, string>();

/** Version of a whole map of resources, whatever their order. */
export function versionOf(resources: ResourcesByName): string {
  const known = setVersions.get(resources);
  if (known !== undefined) return known;
  const lines: string[] = [];
  for (const resource of resources.values()) lines.push(`${resource.name}\n${resource.version}`);
  const version = contentVersion(lines.sort().join('\n'));
  setVersions.set(resources, version);
  return version;
}

/**
 * Encodes messages once. A message object that was encoded before answers from a cache; two objects of equal content
 * answer the same resource. What is not asked for during two generations is forgotten.
 */
export class ResourceEncoder {
  readonly #byMessage = new WeakMap<object, XdsResource>();
  #fresh = new Map<string, XdsResource>();
  #old = new Map<string, XdsResource>();

  /** Resource of a message. The message must not change afterwards. @throws Error when it cannot be encoded. */
  encode<N extends MessageName>(messageName: N, name: string, message: Messages[N]): XdsResource {
    const known = this.#byMessage.get(message);
    if (known && known.name === name) {
      this.#fresh.set(`${messageName}\n${name}\n${known.version}`, known);
      return known;
    }
    const bytes = encode(messageName, message);
    const version = contentVersion(bytes);
    const key = `${messageName}\n${name}\n${version}`;
    const resource = this.#fresh.get(key) ??
      this.#old.get(key) ?? { name, version, body: { type_url: typeUrl(messageName), value: bytes } };
    this.#fresh.set(key, resource);
    this.#byMessage.set(message, resource);
    return resource;
  }

  /** Starts a new generation: call it once a push. */
  nextGeneration(): void {
    this.#old = this.#fresh;
    this.#fresh = new Map();
  }

  /** Number of encoded resources that are kept. */
  get size(): number {
    const both = new Set(this.#fresh.keys());
    for (const key of this.#old.keys()) both.add(key);
    return both.size;
  }
}
