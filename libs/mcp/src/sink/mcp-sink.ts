import { type ConfigObject, fromMcpResource } from '@lateen/config-schema';
import { type ClientStream, methods, type RpcClient } from '@lateen/rpc';
import type {
  istio_mcp_v1alpha1_RequestResources as RequestResources,
  istio_mcp_v1alpha1_Resources as Resources,
} from '@lateen/protos';
import {
  Backoff,
  type Clock,
  type Component,
  type Logger,
  messageOf,
  type Random,
  sleep,
  type Timer,
  WatchValue,
} from '@lateen/runtime';
import { SinkSession } from './sink-session.ts';

/** All collections at one revision. */
export interface ConfigSnapshot {
  readonly revision: number;
  /** By collection, then by `namespace/name` (`/name` when cluster scoped). Maps never change; unchanged ones are the same. */
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, ConfigObject>>;
  /** `collection namespace/name` of what is new, other or gone since the last snapshot that was taken. */
  readonly changed: ReadonlySet<string>;
}

/** What a sink needs. */
export interface McpSinkOptions {
  readonly client: RpcClient;
  readonly collections: readonly string[];
  /** Shown to the source, for its log. */
  readonly nodeId: string;
  /** Takes a snapshot; what it throws NACKs the message that completed it and keeps the changes for the next. */
  readonly onSnapshot: (snapshot: ConfigSnapshot) => void | Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long collections may stand at different revisions before they are taken as they are. Milliseconds. */
  readonly gateTimeoutMs?: number;
}

/** A sink that runs. `start` doesn't wait for the source: `revision` tells. */
export interface McpSink extends Component {
  /** Revision of the last snapshot that `onSnapshot` took; `undefined` before the first. */
  readonly revision: WatchValue<number | undefined>;
  readonly connected: WatchValue<boolean>;
}

/**
 * Keeps collections in step with an MCP source, incrementally, and reconnects with back-off. Each message is
 * acknowledged when it is decoded, except the one that brings the last collection to the others' revision: that one is
 * answered after `onSnapshot`, which holds the source back until the snapshot is taken.
 */
export function createMcpSink(options: McpSinkOptions): McpSink {
  const { client, collections, clock, logger } = options;
  const session = new SinkSession<ConfigObject>({
    node: { id: options.nodeId },
    collections,
    incremental: true,
    decode: fromMcpResource,
  });
  const revision = new WatchValue<number | undefined>(undefined);
  const connected = new WatchValue(false);
  const stopping = new AbortController();
  let changed = new Set<string>();
  let gateTimer: Timer | undefined;
  let stream: ClientStream<RequestResources, Resources> | undefined;
  let running: Promise<void> | undefined;

  const deliver = async (at: number, states = session.states): Promise<void> => {
    const objects = new Map<string, ReadonlyMap<string, ConfigObject>>();
    for (const [collection, state] of states) objects.set(collection, state.objects);
    const delivered = changed;
    changed = new Set();
    try {
      await options.onSnapshot({ revision: at, objects, changed: delivered });
    } catch (error) {
      for (const name of delivered) changed.add(name);
      throw error;
    }
    revision.set(at);
  };

  const deliverTorn = (): void => {
    gateTimer = undefined;
    const at = Math.min(...[...session.states.values()].map((state) => Number(state.systemVersion) || 0));
    logger.warn(
      { revision: at },
      'the collections did not reach one revision in time, taking them as they are',
    );
    deliver(at).catch((error: unknown) => logger.error({ err: error }, 'a snapshot was refused'));
  };

  const receive = async (message: Resources): Promise<RequestResources> => {
    const step = session.receive(message);
    if (step.kind === 'nack') {
      logger.error({ collection: message.collection, reason: step.reason }, 'an MCP message is broken');
      return step.request;
    }
    const { change } = step;
    for (const name of change.changed) changed.add(`${change.collection} ${name}`);
    const states = new Map(session.states).set(change.collection, change.state);
    const versions = new Set([...states.values()].map((state) => state.systemVersion));
    const complete = collections.every((collection) => states.has(collection));
    gateTimer?.cancel();
    gateTimer = undefined;
    if (!complete || versions.size > 1) {
      if (complete) gateTimer = clock.after(options.gateTimeoutMs ?? 2000, deliverTorn);
      return step.accept();
    }
    try {
      await deliver(Number(change.state.systemVersion) || 0, states);
      return step.accept();
    } catch (error) {
      logger.error({ err: error, revision: change.state.systemVersion }, 'a snapshot was refused');
      return step.refuse(messageOf(error));
    }
  };

  const converse = async (backoff: Backoff): Promise<void> => {
    stream = client.stream(methods.mcpSource);
    for (const request of session.initialRequests()) stream.send(request);
    for await (const message of stream.responses) {
      if (!connected.current) connected.set(true);
      backoff.reset();
      stream.send(await receive(message));
    }
  };

  const run = async (): Promise<void> => {
    const backoff = new Backoff({ baseMs: 100, maxMs: 5000, random: options.random });
    while (!stopping.signal.aborted) {
      try {
        await converse(backoff);
      } catch (error) {
        if (!stopping.signal.aborted) logger.warn({ err: error }, 'the MCP stream broke, reconnecting');
      }
      connected.set(false);
      await sleep(clock, backoff.next(), stopping.signal);
    }
  };

  return {
    name: 'mcp-sink',
    revision,
    connected,
    async start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      gateTimer?.cancel();
      stream?.cancel();
      await running;
    },
  };
}
