import { createMemoryBus, type RolloutStatus, subjects } from '@lateen/bus';
import { readFile } from 'node:fs/promises';
import {
  type ConfigObject,
  decodeDocument,
  definitionOf,
  objectToJson,
  parseDocuments,
  toMcpResource,
} from '@lateen/config-schema';
import { componentId, formatWorkloadId } from '@lateen/identity';
import { createMcpSource, type McpSnapshot } from '@lateen/mcp';
import {
  anyName,
  type envoy_config_core_v3_Node as Node,
  type envoy_config_listener_v3_Listener as Listener,
  structOf,
  unpackAny,
} from '@lateen/protos';
import {
  channelCredentials,
  createRpcServer,
  insecureChannel,
  insecureServer,
  RpcClient,
  RpcServices,
  type TlsIdentity,
} from '@lateen/rpc';
import { type Component, silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { type AdsClient, contentVersion, createAdsClient } from '@lateen/xds';
import { createPilot, type Pilot, readSettings } from './index.ts';
import { collections } from './snapshot/collections.ts';

const trustDomain = 'cluster.local';
const clock = systemClock;
const random = Math.random;
const logger = silentLogger;

/** A proxy that does as a data plane does and writes down what comes, `cds NAME` or `cds -NAME`. */
export interface FakeProxy {
  readonly ads: AdsClient;
  readonly seen: string[];
  /** What it refuses from now on, `cds NAME`. */
  readonly refuses: Set<string>;
}

/** A pilot with a source of configuration in memory. */
export class PilotHarness implements AsyncDisposable {
  readonly #folder: string;
  readonly #issue: (id: string) => TlsIdentity;
  readonly rollouts: RolloutStatus[] = [];
  readonly #bus = createMemoryBus({ clock, logger });
  readonly #snapshot = new WatchValue<McpSnapshot | undefined>(undefined);
  readonly #stops: (() => Promise<void> | void)[] = [];
  #revision = 0;
  #galley: Component | undefined;
  pilot!: Pilot;

  constructor(surroundings: { folder: string; issue: (id: string) => TlsIdentity }) {
    this.#folder = surroundings.folder;
    this.#issue = surroundings.issue;
  }

  static async start(surroundings: {
    /** Empty folder for state and sockets. */
    folder: string;
    /** Certificate of a SPIFFE id; all of one root. */
    issue: (id: string) => TlsIdentity;
    environment?: Record<string, string>;
  }): Promise<PilotHarness> {
    const harness = new PilotHarness(surroundings);
    harness.#bus.subscribe(subjects.rollout, (payload) => {
      harness.rollouts.push(JSON.parse(new TextDecoder().decode(payload)) as RolloutStatus);
    });
    await harness.startGalley();
    const settings = readSettings({
      PILOT_ADDRESS: '127.0.0.1:0',
      PILOT_PLAINTEXT_ADDRESS: '127.0.0.1:0',
      PILOT_DEBUG_ADDRESS: '127.0.0.1:0',
      PILOT_DEBOUNCE_AFTER: '10ms',
      LATEEN_STATE_DIR: harness.#folder,
      ...surroundings.environment,
    });
    const galley = new RpcClient(harness.#galleyAddress, insecureChannel(), {
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 50,
    });
    harness.pilot = createPilot(settings, {
      clock,
      random,
      logger,
      bus: harness.#bus,
      identity: new WatchValue<TlsIdentity | undefined>(harness.#issue(componentId('pilot', trustDomain))),
      galley,
    });
    await harness.pilot.start();
    harness.#stops.push(
      () => galley.close(),
      () => harness.pilot.stop(),
    );
    return harness;
  }

  get #galleyAddress(): string {
    return `unix:${this.#folder}/galley`;
  }

  async startGalley(): Promise<void> {
    const services = new RpcServices(logger);
    createMcpSource({
      services,
      snapshot: this.#snapshot,
      collections: new Set(collections),
      refuse: () => undefined,
      logger,
      sinks: new WatchValue(0),
    });
    this.#galley = createRpcServer({
      name: 'galley',
      address: this.#galleyAddress,
      credentials: insecureServer(),
      services,
      drainTimeoutMs: 0,
    });
    await this.#galley.start();
  }

  async stopGalley(): Promise<void> {
    await this.#galley?.stop();
    this.#galley = undefined;
  }

  /** Makes these documents the whole configuration; answers its revision. */
  configure(yaml: string): number {
    this.#revision += 1;
    const version = String(this.#revision);
    const byCollection = new Map<string, Map<string, ReturnType<typeof toMcpResource>>>();
    for (const object of objectsOf(yaml)) {
      const resources = byCollection.get(collectionOf(object)) ?? new Map();
      resources.set(`${object.metadata.namespace}/${object.metadata.name}`, toMcpResource(object));
      byCollection.set(collectionOf(object), resources);
    }
    this.#snapshot.set(
      new Map(collections.map((name) => [name, { version, resources: byCollection.get(name) ?? new Map() }])),
    );
    return this.#revision;
  }

  /** Channel to the mutual TLS port as a service account of `default`. */
  secureChannel(serviceAccount: string): RpcClient {
    const id = formatWorkloadId({ trustDomain, namespace: 'default', serviceAccount });
    const client = new RpcClient(
      `127.0.0.1:${this.pilot.port}`,
      channelCredentials(new WatchValue<TlsIdentity | undefined>(this.#issue(id)), {
        serverPrincipals: [componentId('pilot', trustDomain)],
      }),
    );
    this.#stops.push(() => client.close());
    return client;
  }

  /** Connects a sidecar of `default` by mutual TLS; it subscribes as Envoy does. */
  connect(name: string, mode: 'sotw' | 'delta', claim: Parameters<typeof nodeOf>[1] = {}): FakeProxy {
    const client = this.secureChannel(name);
    const backoff = { baseMs: 10, maxMs: 50 };
    const ads = createAdsClient({ client, node: nodeOf(name, claim), mode, clock, random, logger, backoff });
    this.#stops.push(() => ads.stop());
    return follow(ads);
  }

  /** Connects by the plain-text port, without a certificate. */
  connectPlaintext(name: string): FakeProxy {
    const client = new RpcClient(`127.0.0.1:${this.pilot.plaintextPort}`, insecureChannel());
    const ads = createAdsClient({ client, node: nodeOf(name), mode: 'sotw', clock, random, logger });
    this.#stops.push(
      () => client.close(),
      () => ads.stop(),
    );
    return follow(ads);
  }

  /** Asks for the rollout status, as a galley that has just started does. */
  queryRollout(): void {
    this.#bus.publish(subjects.rolloutQuery, new Uint8Array());
  }

  /** A debug page's status and JSON (or text). */
  async debug(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown }> {
    const token = (await readFile(`${this.#folder}/admin-token`, 'utf8')).trim();
    const response = await fetch(`http://127.0.0.1:${this.pilot.debugPort}${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json');
    return { status: response.status, body: json ? (JSON.parse(text) as unknown) : text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    await this.stopGalley();
  }
}

const collectionOf = (object: ConfigObject): string => definitionOf(object).collection;

function objectsOf(yaml: string): ConfigObject[] {
  return parseDocuments(yaml).documents.map((document) => {
    const decoded = decodeDocument(document);
    const errors = decoded.violations.filter(({ severity }) => severity === 'error');
    if (!('object' in decoded) || !decoded.object || errors.length > 0) {
      throw new Error(`the test's YAML is wrong: ${JSON.stringify(errors)}`);
    }
    // Galley versions objects by revision; here the content is the version.
    const resourceVersion = contentVersion(JSON.stringify(objectToJson(decoded.object)));
    return { ...decoded.object, metadata: { ...decoded.object.metadata, resourceVersion } };
  });
}

/** A node as our agent sends it. */
function nodeOf(name: string, claim: { namespace?: string; serviceAccount?: string } = {}): Node {
  return {
    id: `sidecar~127.0.0.1~${name}-1.default~default.svc.cluster.local`,
    cluster: `${name}.default`,
    metadata: structOf({
      NAME: `${name}-1`,
      NAMESPACE: claim.namespace ?? 'default',
      SERVICE_ACCOUNT: claim.serviceAccount ?? name,
      WORKLOAD_NAME: name,
      ISTIO_VERSION: '1.30.3',
      INTERCEPTION_MODE: 'NONE',
      INSTANCE_IPS: '127.0.0.1',
      LABELS: { app: name },
    }),
  };
}

const clusterName = 'envoy.config.cluster.v3.Cluster';
const endpointName = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
const listenerName = 'envoy.config.listener.v3.Listener';
const routeName = 'envoy.config.route.v3.RouteConfiguration';
const managerName = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function follow(ads: AdsClient): FakeProxy {
  const seen: string[] = [];
  const refuses = new Set<string>();
  const note = (
    type: string,
    update: { updated: readonly { name: string }[]; removed: readonly string[] },
  ) => {
    for (const { name } of update.updated) seen.push(`${type} ${name}`);
    for (const name of update.removed) seen.push(`${type} -${name}`);
    const refused = update.updated.filter(({ name }) => refuses.has(`${type} ${name}`));
    return refused.map(({ name }) => ({ name, reason: 'refused by the test' }));
  };
  const eds = new Set<string>();
  ads.subscribe(
    clusterName,
    (update) => {
      for (const { name, message } of update.updated) if (message.edsClusterConfig) eds.add(name);
      for (const name of update.removed) eds.delete(name);
      ads.setNames(endpointName, eds);
      return note('cds', update);
    },
    '*',
  );
  ads.subscribe(endpointName, (update) => note('eds', update));
  const routesByListener = new Map<string, string[]>();
  ads.subscribe(
    listenerName,
    (update) => {
      for (const { name, message } of update.updated) routesByListener.set(name, routesOf(message));
      for (const name of update.removed) routesByListener.delete(name);
      ads.setNames(routeName, [...routesByListener.values()].flat());
      return note('lds', update);
    },
    '*',
  );
  ads.subscribe(routeName, (update) => note('rds', update));
  ads.start();
  return { ads, seen, refuses };
}

function routesOf(listener: Listener): string[] {
  const chains = [
    ...(listener.filterChains ?? []),
    ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : []),
  ];
  return chains
    .flatMap((chain) => chain.filters ?? [])
    .flatMap(({ typedConfig }) => {
      if (!typedConfig || anyName(typedConfig) !== managerName) return [];
      return unpackAny(managerName, typedConfig).rds?.routeConfigName ?? [];
    });
}
