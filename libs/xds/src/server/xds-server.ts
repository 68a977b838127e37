import type {
  envoy_config_core_v3_Node,
  envoy_service_discovery_v3_DeltaDiscoveryRequest,
  envoy_service_discovery_v3_DeltaDiscoveryResponse,
  envoy_service_discovery_v3_DiscoveryRequest,
  envoy_service_discovery_v3_DiscoveryResponse,
} from '@lateen/protos';
import {
  methods,
  type RpcCaller,
  RpcError,
  type RpcServices,
  rpcStatus,
  type ServerStream,
} from '@lateen/rpc';
import type { Clock, Logger, Timer, Unsubscribe, WatchValue } from '@lateen/runtime';
import { type ResourceSet, type ResourcesByName, versionOf } from '../resource.ts';
import { xdsTypes } from '../resource-type.ts';
import type { XdsPush, XdsRequest } from './channel.ts';
import type { ConnectionStatus, SessionEvent, XdsMode } from './ledger.ts';
import { DeliverySession } from './session.ts';

/** Who connected: what its first request and its certificate say. */
export interface XdsPeer {
  /** Unique in this server's life. */
  readonly id: string;
  /** Empty when the client sent none. */
  readonly node: envoy_config_core_v3_Node;
  readonly mode: XdsMode;
  readonly caller: RpcCaller;
}

/** Resources of one connection, as its source changes them. */
export interface ResourceFeed {
  /**
   * What the client should have; setting it is the push. `undefined` means that nothing is known yet: the client
   * waits, it is never sent an empty configuration.
   */
  readonly resources: WatchValue<ResourceSet | undefined>;
  /** Hears which names the client asks for, before they are looked up: for resources that are made on demand. */
  wants?(typeUrl: string, names: readonly string[]): void;
  /** The connection is gone. Called once. */
  close(): void;
}

/** Where a server gets a connection's resources: pilot's compiler, the agent's secrets. */
export interface ResourceSource {
  /** Called with the first request of a stream. @throws RpcError to refuse the client (PERMISSION_DENIED, …). */
  connect(peer: XdsPeer): Promise<ResourceFeed> | ResourceFeed;
}

/** How an xDS server serves. */
export interface XdsServerOptions {
  readonly source: ResourceSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a step waits for a client that doesn't answer. Milliseconds, 5000 when absent. */
  readonly stepTimeoutMs?: number;
  /** Names this server in every response (`control_plane.identifier`). */
  readonly identifier?: string;
  /** Hears of everything that happens at a connection; `disconnected` is the last. */
  readonly onEvent?: (id: string, event: XdsServerEvent) => void;
}

/** What happens at a connection. */
export type XdsServerEvent =
  | SessionEvent
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' };

/** An xDS server: adds its methods to gRPC services and knows what each client has acknowledged. */
export interface XdsServer {
  /** Adds aggregated discovery, state of the world and delta. */
  addAds(services: RpcServices): void;
  /** Adds secret discovery: both streams and the unary fetch. */
  addSds(services: RpcServices): void;
  /** Every open connection's ledger, oldest first. Computed when asked for. */
  connections(): ConnectionStatus[];
  /** Refusals that stand. Cheap, unlike `connections`. */
  nacks(): StandingNack[];
  /** Ends every stream with OK and refuses new ones; clients reconnect elsewhere. */
  close(): void;
}

/** A refusal that stands: what was refused has not been replaced by something that the client takes. */
export interface StandingNack {
  /** Id of the connection. */
  readonly connection: string;
  readonly typeUrl: string;
  readonly message: string;
}

/** Resource types that one stream may ask for; a client has a handful. */
const maxTypes = 32;

interface OpenConnection {
  status(): ConnectionStatus;
  nacks(): { typeUrl: string; message: string }[];
  end(): void;
}

interface Wire<Q, A> {
  readonly mode: XdsMode;
  node(request: Q): envoy_config_core_v3_Node | undefined;
  read(request: Q): XdsRequest;
  write(push: XdsPush): A;
}

const namesIn = (request: XdsRequest): readonly string[] =>
  request.mode === 'sotw' ? request.names : request.subscribe;

/** Creates an xDS server. It listens nowhere itself: add it to the services of an RPC server. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
  const connections = new Map<string, OpenConnection>();
  const stepTimeoutMs = options.stepTimeoutMs ?? 5000;
  const controlPlane = options.identifier ? { controlPlane: { identifier: options.identifier } } : {};
  let sequence = 0;
  let closed = false;

  async function serve<Q, A>(stream: ServerStream<Q, A>, wire: Wire<Q, A>): Promise<void> {
    if (closed) throw new RpcError(rpcStatus.UNAVAILABLE, 'the server is stopping');
    const { caller } = stream;
    const id = String(++sequence);
    const requests = stream.requests[Symbol.asyncIterator]();
    const types = new Set<string>();
    let end = (): void => {};
    const ended = new Promise<{ done: true; value: undefined }>((resolve) => {
      end = () => resolve({ done: true, value: undefined });
    });
    caller.signal.addEventListener('abort', end, { once: true });
    let feed: ResourceFeed | undefined;
    let unsubscribe: Unsubscribe = () => {};
    let timer: { step: number; timer: Timer } | undefined;
    const onEvent = (event: XdsServerEvent): void => options.onEvent?.(id, event);
    const session = new DeliverySession({ mode: wire.mode, now: () => options.clock.now(), onEvent });

    const deliver = (pushes: readonly XdsPush[]): void => {
      for (const push of pushes) stream.send(wire.write(push));
      const step = session.deadline;
      if (step === timer?.step) return;
      timer?.timer.cancel();
      timer =
        step === undefined ? undefined : { step, timer: options.clock.after(stepTimeoutMs, expire(step)) };
    };
    const expire = (step: number) => (): void => {
      options.logger.warn({ connection: id }, 'a client did not acknowledge in time, the delivery goes on');
      deliver(session.expire(step));
    };

    try {
      for (;;) {
        const next = await Promise.race([requests.next(), ended]);
        if (next.done) return;
        const request = wire.read(next.value);
        types.add(request.typeUrl);
        if (types.size > maxTypes) {
          throw new RpcError(
            rpcStatus.RESOURCE_EXHAUSTED,
            `more than ${maxTypes} resource types on one stream`,
          );
        }
        if (feed) {
          feed.wants?.(request.typeUrl, namesIn(request));
          deliver(session.request(request));
          continue;
        }
        const node = wire.node(next.value) ?? {};
        feed = await options.source.connect({ id, node, mode: wire.mode, caller });
        if (caller.signal.aborted || closed) return;
        const connectedAt = options.clock.now();
        connections.set(id, {
          end,
          nacks: () => session.nacks(),
          status: () => ({ id, node, mode: wire.mode, peer: caller.peer, connectedAt, ...session.ledger() }),
        });
        onEvent({ kind: 'connected' });
        feed.wants?.(request.typeUrl, namesIn(request));
        deliver(session.request(request));
        unsubscribe = feed.resources.subscribe((set) => {
          if (set) deliver(session.offer(set));
        });
      }
    } catch (error) {
      // A client that goes away breaks the iterator; there is nobody left to tell.
      if (error instanceof RpcError || !brokenByClient(error, caller)) throw error;
    } finally {
      unsubscribe();
      timer?.timer.cancel();
      feed?.close();
      if (connections.delete(id)) onEvent({ kind: 'disconnected' });
    }
  }

  const sotw = (typeUrl?: string): Wire<SotwRequest, SotwResponse> => ({
    mode: 'sotw',
    node: (request) => request.node,
    read: (request) => readSotw(request, typeUrl),
    write: (push) => ({
      versionInfo: push.version,
      resources: push.resources.map(({ body }) => body),
      typeUrl: push.typeUrl,
      nonce: push.nonce,
      ...controlPlane,
    }),
  });
  const delta = (typeUrl?: string): Wire<DeltaRequest, DeltaResponse> => ({
    mode: 'delta',
    node: (request) => request.node,
    read: (request) => readDelta(request, typeUrl),
    write: (push) => ({
      systemVersionInfo: push.version,
      resources: push.resources.map(({ name, version, body }) => ({ name, version, resource: body })),
      removedResources: push.removed,
      typeUrl: push.typeUrl,
      nonce: push.nonce,
      ...controlPlane,
    }),
  });

  async function fetchSecrets(request: SotwRequest, caller: RpcCaller): Promise<SotwResponse> {
    const { typeUrl, names } = readSotw(request, xdsTypes.secret);
    const peer: XdsPeer = { id: String(++sequence), node: request.node ?? {}, mode: 'sotw', caller };
    const feed = await options.source.connect(peer);
    try {
      feed.wants?.(typeUrl, names);
      const secrets: ResourcesByName | undefined = feed.resources.current?.types.get(typeUrl);
      if (!secrets) throw new RpcError(rpcStatus.UNAVAILABLE, 'no secret is known yet');
      const found = new Map(
        names.flatMap((name) => secrets.get(name) ?? []).map((secret) => [secret.name, secret]),
      );
      const resources = [...found.values()].map(({ body }) => body);
      return { versionInfo: versionOf(found), resources, typeUrl, ...controlPlane };
    } finally {
      feed.close();
    }
  }

  return {
    addAds(services) {
      services.stream(methods.streamAggregatedResources, (stream) => serve(stream, sotw()));
      services.stream(methods.deltaAggregatedResources, (stream) => serve(stream, delta()));
    },
    addSds(services) {
      services.stream(methods.streamSecrets, (stream) => serve(stream, sotw(xdsTypes.secret)));
      services.stream(methods.deltaSecrets, (stream) => serve(stream, delta(xdsTypes.secret)));
      services.unary(methods.fetchSecrets, fetchSecrets);
    },
    connections: () => [...connections.values()].map((connection) => connection.status()),
    nacks: () =>
      [...connections].flatMap(([connection, open]) => open.nacks().map((nack) => ({ connection, ...nack }))),
    close() {
      closed = true;
      for (const connection of connections.values()) connection.end();
    },
  };
}

type SotwRequest = envoy_service_discovery_v3_DiscoveryRequest;
type SotwResponse = envoy_service_discovery_v3_DiscoveryResponse;
type DeltaRequest = envoy_service_discovery_v3_DeltaDiscoveryRequest;
type DeltaResponse = envoy_service_discovery_v3_DeltaDiscoveryResponse;

/** Type of a request; a service of one type may leave it out. @throws RpcError for none or another. */
function requestType(asked: string | undefined, only: string | undefined): string {
  const typeUrl = asked || only;
  if (!typeUrl) throw new RpcError(rpcStatus.INVALID_ARGUMENT, 'the request has no type_url');
  if (only && typeUrl !== only) {
    throw new RpcError(rpcStatus.INVALID_ARGUMENT, `this service has ${only} alone, asked for ${typeUrl}`);
  }
  return typeUrl;
}

function readSotw(request: SotwRequest, only: string | undefined): XdsRequest & { mode: 'sotw' } {
  return {
    mode: 'sotw',
    typeUrl: requestType(request.typeUrl, only),
    version: request.versionInfo ?? '',
    nonce: request.responseNonce ?? '',
    names: request.resourceNames ?? [],
    error: request.errorDetail && (request.errorDetail.message || 'no reason given'),
  };
}

function readDelta(request: DeltaRequest, only: string | undefined): XdsRequest {
  return {
    mode: 'delta',
    typeUrl: requestType(request.typeUrl, only),
    nonce: request.responseNonce ?? '',
    subscribe: request.resourceNamesSubscribe ?? [],
    unsubscribe: request.resourceNamesUnsubscribe ?? [],
    initialVersions: new Map(Object.entries(request.initialResourceVersions ?? {})),
    error: request.errorDetail && (request.errorDetail.message || 'no reason given'),
  };
}

/** Did the call break because the client is gone? grpc-js says CANCELLED then, whatever the reason was. */
function brokenByClient(error: unknown, caller: RpcCaller): boolean {
  if (caller.signal.aborted) return true;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === rpcStatus.CANCELLED || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
