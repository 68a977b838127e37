import { type CompileProblem, compileProxy, type Proxy } from '@lateen/mesh-compiler';
import type { MessageName, Messages } from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import { ResourceEncoder, type ResourcesByName, type ResourceSet, versionOf, xdsTypes } from '@lateen/xds';
import type { MeshState } from '../snapshot/mesh-state.ts';

/** One proxy's configuration, encoded. */
export interface CompiledProxy {
  readonly resources: ResourceSet;
  /** Objects of which something is missing. */
  readonly problems: readonly CompileProblem[];
}

/**
 * Compiles proxies and encodes what comes out. Resources of equal content are encoded once and shared, and so are whole
 * maps of them, so that a delivery skips what did not change without a look into it.
 */
export class ProxyCompilation {
  readonly #encoder = new ResourceEncoder();
  #fresh = new Map<string, ResourcesByName>();
  #old = new Map<string, ResourcesByName>();

  /** Call it when a new mesh state begins: what the one before the last used is forgotten. */
  nextGeneration(): void {
    this.#encoder.nextGeneration();
    this.#old = this.#fresh;
    this.#fresh = new Map();
  }

  /** Resources of a proxy. Never throws for what users wrote. */
  compile(state: MeshState, proxy: Proxy): CompiledProxy {
    const compiled = compileProxy(state.model, proxy);
    const problems = [...compiled.problems];
    const encoded = <N extends MessageName>(name: N, messages: ReadonlyMap<string, Messages[N]>) =>
      this.#share(name, this.#encode(name, messages, problems));
    const types = new Map<string, ResourcesByName>([
      [xdsTypes.cluster, encoded('envoy.config.cluster.v3.Cluster', compiled.clusters)],
      [xdsTypes.endpoint, encoded('envoy.config.endpoint.v3.ClusterLoadAssignment', compiled.endpoints)],
      [xdsTypes.listener, encoded('envoy.config.listener.v3.Listener', compiled.listeners)],
      [xdsTypes.route, encoded('envoy.config.route.v3.RouteConfiguration', compiled.routes)],
    ]);
    return { resources: { version: state.version, types }, problems };
  }

  #encode<N extends MessageName>(
    messageName: N,
    messages: ReadonlyMap<string, Messages[N]>,
    problems: CompileProblem[],
  ): ResourcesByName {
    const resources = new Map();
    for (const [name, message] of messages) {
      try {
        resources.set(name, this.#encoder.encode(messageName, name, message));
      } catch (error) {
        // One resource that the compiler made wrong must not take the proxy's others with it.
        problems.push({ object: `${messageName} ${name}`, message: messageOf(error) });
      }
    }
    return resources;
  }

  #share(messageName: string, resources: ResourcesByName): ResourcesByName {
    const key = `${messageName} ${versionOf(resources)}`;
    const shared = this.#fresh.get(key) ?? this.#old.get(key) ?? resources;
    this.#fresh.set(key, shared);
    return shared;
  }
}
