import {
  methods,
  type RpcCaller,
  RpcError,
  type RpcServices,
  rpcStatus,
  type ServerStream,
} from '@lateen/rpc';
import type {
  istio_mcp_v1alpha1_RequestResources as RequestResources,
  istio_mcp_v1alpha1_Resources as Resources,
} from '@lateen/protos';
import type { Logger, WatchValue } from '@lateen/runtime';
import type { McpSnapshot } from './snapshot.ts';
import { SourceSession } from './source-session.ts';

/** What an MCP source serves and to whom. */
export interface McpSourceOptions {
  readonly services: RpcServices;
  /** The newest state; `undefined` until there is one. */
  readonly snapshot: WatchValue<McpSnapshot | undefined>;
  readonly collections: ReadonlySet<string>;
  /** Why this caller may not read, or `undefined` when it may. */
  readonly refuse: (caller: RpcCaller) => string | undefined;
  readonly logger: Logger;
  /** Kept at the number of connected sinks. */
  readonly sinks: WatchValue<number>;
  /** Streams at a time. */
  readonly maxStreams?: number;
}

/**
 * Registers `istio.mcp.v1alpha1.ResourceSource/EstablishResourceStream`. A caller that may not read gets
 * UNAUTHENTICATED, an unknown collection INVALID_ARGUMENT, too many streams RESOURCE_EXHAUSTED.
 */
export function createMcpSource(options: McpSourceOptions): void {
  const { sinks } = options;
  const maxStreams = options.maxStreams ?? 100;
  options.services.stream(methods.mcpSource, async (stream) => {
    const refusal = options.refuse(stream.caller);
    if (refusal) throw new RpcError(rpcStatus.UNAUTHENTICATED, refusal);
    if (sinks.current >= maxStreams) throw new RpcError(rpcStatus.RESOURCE_EXHAUSTED, 'too many sinks');
    sinks.set(sinks.current + 1);
    try {
      await serve(stream, options);
    } finally {
      sinks.set(sinks.current - 1);
    }
  });
}

async function serve(
  stream: ServerStream<RequestResources, Resources>,
  options: McpSourceOptions,
): Promise<void> {
  const { logger, collections } = options;
  const session = new SourceSession({ collections, incremental: true });
  let sending = false;
  // One sender at a time; the transport's own back-pressure decides when the next message is made.
  const flush = async (): Promise<void> => {
    if (sending) return;
    sending = true;
    try {
      for (let message = session.next(); message && !stream.caller.signal.aborted; message = session.next()) {
        if (!stream.send(message)) await stream.drained();
      }
    } finally {
      sending = false;
    }
  };
  const wake = (): void => {
    flush().catch((error: unknown) =>
      logger.warn({ err: error, peer: stream.caller.peer }, 'an MCP push failed'),
    );
  };
  const unsubscribe = options.snapshot.subscribe((snapshot) => {
    if (!snapshot) return;
    session.offer(snapshot);
    wake();
  });
  try {
    for await (const request of stream.requests) {
      const step = session.receive(request);
      const fields = { sink: request.sinkNode?.id, collection: request.collection };
      if (step.kind === 'unsupported') {
        throw new RpcError(rpcStatus.INVALID_ARGUMENT, `no collection is named ${request.collection ?? ''}`);
      }
      if (step.kind === 'subscribed') logger.debug(fields, 'an MCP sink subscribed');
      if (step.kind === 'refused') {
        logger.warn({ ...fields, code: step.code, reason: step.message }, 'an MCP sink refused a push');
      }
      wake();
    }
  } finally {
    unsubscribe();
  }
}
