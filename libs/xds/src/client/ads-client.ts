import {
  type envoy_config_core_v3_Node,
  type MessageName,
  type Messages,
  typeUrl as typeUrlOf,
  unpackAny,
} from '@lateen/protos';
import { methods, type RpcClient } from '@lateen/rpc';
import {
  Backoff,
  type Clock,
  type Logger,
  messageOf,
  type Random,
  type Timer,
  WatchValue,
} from '@lateen/runtime';
import { compareTypes, resourceNameOf } from '../resource-type.ts';
import type { Rejection, ResourceHandler, ResourceUpdate } from './handler.ts';
import {
  ClientTypeState,
  type DiscoveryRequest,
  type DiscoveryResponse,
  type Received,
  type TypeStatus,
  type WantedNames,
} from './type-state.ts';

/** How a client of an xDS server is made. */
export interface AdsClientOptions {
  /** Channel to the server. The client doesn't close it. */
  readonly client: RpcClient;
  /** Sent in the first request of each stream. */
  readonly node: envoy_config_core_v3_Node;
  /** `sotw` is Envoy's `api_type: GRPC`, `delta` its `DELTA_GRPC`; both work against any server. */
  readonly mode: 'sotw' | 'delta';
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Bounds of the wait before a new stream, milliseconds; 200 and 10 000 when absent. Jittered. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
}

/**
 * A client of an xDS server.
 *
 * ```ts
 * const ads = createAdsClient({ client, node, mode: 'delta', clock, random, logger });
 * ads.subscribe('envoy.config.cluster.v3.Cluster', (update) => clusters.apply(update), '*');
 * ads.subscribe('envoy.config.endpoint.v3.ClusterLoadAssignment', (update) => endpoints.apply(update));
 * ads.setNames('envoy.config.endpoint.v3.ClusterLoadAssignment', namesOfEdsClusters);
 * ads.start();
 * ```
 */
export interface AdsClient {
  /**
   * Registers the handler of a type, once a type, before or after `start`. `names`: `'*'` everything, else those;
   * without it the type is asked for by the first `setNames` that names something.
   * @throws Error when the type has a handler already.
   */
  subscribe<N extends MessageName>(type: N, handler: ResourceHandler<N>, names?: WantedNames): void;
  /**
   * Changes what is asked for; may be called inside a handler (Envoy's order: the handler's response is answered
   * first). Resources that are no longer named are forgotten without a call of the handler.
   * @throws Error when the type has no handler.
   */
  setNames(type: MessageName, names: WantedNames): void;
  /** Opens the stream as soon as something is asked for. Idempotent. */
  start(): void;
  /** Ends the stream for good. Idempotent. */
  stop(): void;
  /** True from the first response of a stream until the stream breaks. */
  readonly connected: WatchValue<boolean>;
  /** What is in force, by type in Envoy's order. */
  status(): TypeStatus[];
}

interface Subscribed {
  readonly state: ClientTypeState;
  readonly handle: (received: Received) => readonly Rejection[];
}

interface OpenStream {
  send(request: DiscoveryRequest): void;
  cancel(): void;
}

/** Client of the aggregated discovery service: every type on one stream. */
export function createAdsClient(options: AdsClientOptions): AdsClient {
  return createDiscoveryClient(options, 'ads');
}

/**
 * Client of the secret discovery service of a given cluster, for instance of the agent's `sds-grpc`: the same
 * interface, for `envoy.extensions.transport_sockets.tls.v3.Secret` alone.
 */
export function createSdsClient(options: AdsClientOptions): AdsClient {
  return createDiscoveryClient(options, 'sds');
}

function createDiscoveryClient(options: AdsClientOptions, service: 'ads' | 'sds'): AdsClient {
  const { clock, logger, mode, random } = options;
  const { baseMs, maxMs } = options.backoff ?? { baseMs: 200, maxMs: 10_000 };
  const backoff = new Backoff({ baseMs, maxMs, random });
  const types = new Map<string, Subscribed>();
  const connected = new WatchValue(false);
  let running = false;
  let stream: OpenStream | undefined;
  let retry: Timer | undefined;
  let nodeSent = false;
  let renameScheduled = false;

  const inOrder = (): Subscribed[] =>
    [...types.keys()].sort(compareTypes).flatMap((typeUrl) => types.get(typeUrl) ?? []);

  const send = (request: DiscoveryRequest): void => {
    stream?.send(nodeSent ? request : { ...request, node: options.node });
    nodeSent = true;
  };

  function rename(): void {
    renameScheduled = false;
    if (!running || retry) return;
    if (!stream) return open();
    for (const { state } of inOrder()) {
      const request = state.renamed();
      if (request) send(request);
    }
  }

  /** Several changes of names in one turn make one request; inside a handler they follow the answer. */
  function scheduleRename(): void {
    if (renameScheduled) return;
    renameScheduled = true;
    queueMicrotask(rename);
  }

  function open(): void {
    const wanted = inOrder().filter(({ state }) => state.wanted);
    if (wanted.length === 0) return;
    const call = openCall(options.client, mode, service);
    stream = call;
    nodeSent = false;
    for (const { state } of wanted) send(state.opening());
    void consume(call);
  }

  async function consume(call: ReturnType<typeof openCall>): Promise<void> {
    let reason = 'the server ended it';
    try {
      for await (const response of call.responses) {
        if (stream !== call) return;
        backoff.reset();
        if (!connected.current) connected.set(true);
        take(response);
      }
    } catch (error) {
      reason = messageOf(error);
    }
    if (stream !== call) return;
    stream = undefined;
    for (const { state } of types.values()) state.closed();
    if (connected.current) connected.set(false);
    const delayMs = backoff.next();
    logger.warn(
      { reason, delayMs: Math.round(delayMs) },
      `the ${service} stream broke, the last good stays in force`,
    );
    retry = clock.after(delayMs, () => {
      retry = undefined;
      open();
    });
  }

  function take(response: DiscoveryResponse): void {
    const subscribed = types.get(response.typeUrl ?? '');
    if (!subscribed) {
      logger.warn({ type: response.typeUrl }, 'a response of a type that was not asked for is ignored');
      return;
    }
    const received = subscribed.state.receive(response);
    let rejections: readonly Rejection[] = [];
    try {
      const news = received.updated.length > 0 || received.removed.length > 0;
      if (news) rejections = subscribed.handle(received);
    } catch (error) {
      logger.error({ err: error, type: response.typeUrl }, 'a resource handler failed');
      rejections = received.updated.map(({ name }) => ({ name, reason: messageOf(error) }));
      if (rejections.length === 0) rejections = [{ name: '*', reason: messageOf(error) }];
    }
    send(subscribed.state.conclude(received, rejections));
    for (const { name, reason } of [...received.broken, ...rejections]) {
      logger.warn({ type: response.typeUrl, name, reason }, 'a resource was rejected');
    }
  }

  return {
    connected,
    status: () => inOrder().map(({ state }) => state.status()),
    subscribe(type, handler, names) {
      const typeUrl = typeUrlOf(type);
      if (types.has(typeUrl)) throw new Error(`${type} has a handler already`);
      const state = new ClientTypeState(typeUrl, {
        mode,
        decode: (body) => {
          const message = unpackAny(type, body) as object;
          return { name: resourceNameOf(message), message };
        },
      });
      if (names !== undefined) state.want(names);
      // The state decodes with this very type, so the update's messages are of it.
      const handle = (received: Received) => handler(received as ResourceUpdate<Messages[typeof type]>);
      types.set(typeUrl, { state, handle });
      if (running) scheduleRename();
    },
    setNames(type, names) {
      const subscribed = types.get(typeUrlOf(type));
      if (!subscribed) throw new Error(`${type} has no handler`);
      subscribed.state.want(names);
      if (running) scheduleRename();
    },
    start() {
      if (running) return;
      running = true;
      open();
    },
    stop() {
      running = false;
      retry?.cancel();
      retry = undefined;
      const last = stream;
      stream = undefined;
      last?.cancel();
      for (const { state } of types.values()) state.closed();
      if (connected.current) connected.set(false);
    },
  };
}

/** Opens the stream of a mode and service; requests and responses carry their mode. */
function openCall(
  client: RpcClient,
  mode: 'sotw' | 'delta',
  service: 'ads' | 'sds',
): OpenStream & { readonly responses: AsyncIterable<DiscoveryResponse> } {
  if (mode === 'sotw') {
    const call = client.stream(service === 'ads' ? methods.streamAggregatedResources : methods.streamSecrets);
    return {
      send: (request) => void (request.mode === 'sotw' && call.send(request)),
      cancel: () => call.cancel(),
      responses: tagged('sotw', call.responses),
    };
  }
  const call = client.stream(service === 'ads' ? methods.deltaAggregatedResources : methods.deltaSecrets);
  return {
    send: (request) => void (request.mode === 'delta' && call.send(request)),
    cancel: () => call.cancel(),
    responses: tagged('delta', call.responses),
  };
}

async function* tagged<const M extends 'sotw' | 'delta', R extends object>(
  mode: M,
  responses: AsyncIterable<R>,
): AsyncIterable<{ mode: M } & R> {
  // Decoded messages answer defaults through their prototype: assigning keeps it.
  for await (const response of responses) yield Object.assign(response, { mode });
}
