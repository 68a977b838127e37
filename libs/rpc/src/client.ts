import { isIP } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import type { MessageName, Messages } from '@lateen/protos';
import { systemClock } from '@lateen/runtime';
import { codecs, type RpcMethod } from './method.ts';
import { RpcError } from './status.ts';

/** Client side of an open bidirectional stream. */
export interface ClientStream<Q, A> {
  /** Sends one message. `false`: the transport is full; what is sent meanwhile queues in memory. */
  send(message: Q): boolean;
  /** Messages of the server; ends when the server ends the call with OK, throws an `RpcError` otherwise. */
  readonly responses: AsyncIterable<A>;
  /** Half-closes: the server sees the end of requests. */
  end(): void;
  /** Ends the call at once. */
  cancel(): void;
}

/** What a unary call may carry. */
export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this time. Milliseconds. */
  readonly timeoutMs: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A channel to one server: connects when first used, reconnects with back-off by itself. */
export class RpcClient {
  readonly #client: grpc.Client;

  /** `target` is `HOST:PORT` or `unix:PATH`. */
  constructor(target: string, credentials: grpc.ChannelCredentials, options: grpc.ChannelOptions = {}) {
    this.#client = new grpc.Client(target, credentials, {
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
      'grpc.max_send_message_length': 64 * 1024 * 1024,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 5000,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.use_local_subchannel_pool': 1,
      // Proxy variables are meant for the app, not for the mesh's own traffic.
      'grpc.enable_http_proxy': 0,
      ...serverName(target),
      ...options,
    });
  }

  /** One unary call. @throws RpcError with the status that the server gave, or UNAVAILABLE, DEADLINE_EXCEEDED. */
  unary<Q extends MessageName, A extends MessageName>(
    rpc: RpcMethod<Q, A>,
    request: Messages[Q],
    options: CallOptions,
  ): Promise<Messages[A]> {
    const { encodeRequest, decodeResponse } = codecs(rpc);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        rpc.path,
        encodeRequest,
        decodeResponse,
        request,
        metadataOf(options.metadata),
        // grpc-js measures deadlines by the machine's clock, whatever clock the caller lives by.
        { deadline: systemClock.now() + options.timeoutMs },
        (error, response) => (error ? reject(errorOf(error)) : resolve(response as Messages[A])),
      );
    });
  }

  /** Opens a bidirectional stream. */
  stream<Q extends MessageName, A extends MessageName>(
    rpc: RpcMethod<Q, A>,
    metadata?: Readonly<Record<string, string>>,
  ): ClientStream<Messages[Q], Messages[A]> {
    const { encodeRequest, decodeResponse } = codecs(rpc);
    const call = this.#client.makeBidiStreamRequest(
      rpc.path,
      encodeRequest,
      decodeResponse,
      metadataOf(metadata),
    );
    call.on('error', () => {}); // the iterator reports it; without a listener Node would throw
    return {
      send: (message) => call.write(message),
      responses: responsesOf(call),
      end: () => call.end(),
      cancel: () => call.cancel(),
    };
  }

  /** Opens a bidirectional stream of undecoded messages, for `relayStreams`. */
  raw(path: string): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(path, untouched, untouched, new grpc.Metadata());
  }

  close(): void {
    this.#client.close();
  }
}

const untouched = (bytes: Buffer): Buffer => bytes;

/**
 * An IP address is no server name for TLS (RFC 6066 section 3) and Node refuses it, but grpc-js would send the target's
 * host. Who the server is, its SPIFFE id says.
 */
function serverName(target: string): grpc.ChannelOptions {
  const host = /^(?:[a-z0-9]+:\/*)?\[?([^\]]*?)\]?:\d+$/i.exec(target)?.[1] ?? '';
  return isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' };
}

async function* responsesOf<Q, A>(call: grpc.ClientDuplexStream<Q, A>): AsyncIterable<A> {
  try {
    yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<A>;
  } catch (error) {
    throw errorOf(error);
  }
}

function metadataOf(entries: Readonly<Record<string, string>> | undefined): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(entries ?? {})) metadata.set(name, value);
  return metadata;
}

function errorOf(error: unknown): RpcError {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
    const details = 'details' in error ? String(error.details) : error.message;
    return new RpcError(error.code, details, error);
  }
  return new RpcError(grpc.status.UNKNOWN, error instanceof Error ? error.message : String(error), error);
}
