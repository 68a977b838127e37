import * as grpc from '@grpc/grpc-js';
import type { MessageName, Messages } from '@lateen/protos';
import { type Component, LateenError, type Logger } from '@lateen/runtime';
import { principalsOf } from './credentials.ts';
import { codecs, type RpcMethod } from './method.ts';
import { statusOf } from './status.ts';

/** Who calls and with what: the verified client certificate's SPIFFE ids, metadata, address. */
export interface RpcCaller {
  /** SPIFFE ids of the client certificate; empty without one that the trust bundle verifies. */
  readonly principals: readonly string[];
  /** Value of the first metadata entry of this name. */
  metadata(name: string): string | undefined;
  readonly peer: string;
  /** Aborts when the call ends, whoever ended it. */
  readonly signal: AbortSignal;
}

/** Server side of an open bidirectional stream. */
export interface ServerStream<Q, A> {
  readonly caller: RpcCaller;
  /** Messages of the client until it half-closes; throws when the call breaks. */
  readonly requests: AsyncIterable<Q>;
  /** Sends one message. `false`: the transport is full, wait for `drained` before the next. */
  send(message: A): boolean;
  drained(): Promise<void>;
}

type Implementation = grpc.UntypedHandleCall;

/** RPCs of a server, added one by one. */
export class RpcServices {
  readonly definition: Record<string, grpc.MethodDefinition<unknown, unknown>> = {};
  readonly implementation: Record<string, Implementation> = {};
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Adds a unary method. What the handler throws becomes the call's status. */
  unary<Q extends MessageName, A extends MessageName>(
    rpc: RpcMethod<Q, A>,
    handle: (request: Messages[Q], caller: RpcCaller) => Promise<Messages[A]> | Messages[A],
  ): this {
    const serve: grpc.handleUnaryCall<Messages[Q], Messages[A]> = (call, callback) => {
      const caller = callerOf(call);
      Promise.resolve()
        .then(() => handle(call.request, caller))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(this.#status(rpc.path, error)),
        );
    };
    return this.#add(rpc, serve as Implementation);
  }

  /** Adds a bidirectional stream. The call ends when the handler returns; what it throws becomes the status. */
  stream<Q extends MessageName, A extends MessageName>(
    rpc: RpcMethod<Q, A>,
    handle: (stream: ServerStream<Messages[Q], Messages[A]>) => Promise<void>,
  ): this {
    const serve: grpc.handleBidiStreamingCall<Messages[Q], Messages[A]> = (call) => {
      const caller = callerOf(call);
      call.on('error', () => {}); // the iterator reports it; without a listener Node would throw
      const stream: ServerStream<Messages[Q], Messages[A]> = {
        caller,
        // Leaving the loop early must not destroy the call: its status is still to be sent.
        requests: { [Symbol.asyncIterator]: () => call.iterator({ destroyOnReturn: false }) },
        send: (message) => call.write(message),
        drained: () =>
          new Promise((resolve) => {
            if (!call.writableNeedDrain || caller.signal.aborted) return resolve();
            call.once('drain', resolve);
            caller.signal.addEventListener('abort', () => resolve(), { once: true });
          }),
      };
      handle(stream).then(
        () => call.end(),
        (error: unknown) => {
          // Emitted, not destroyed with: grpc-js sends the status from its own listener, on a call that is still open.
          if (!caller.signal.aborted)
            call.emit('error', Object.assign(new Error(), this.#status(rpc.path, error)));
        },
      );
    };
    return this.#add(rpc, serve as Implementation);
  }

  /** Adds a bidirectional stream of undecoded messages, for `relayStreams`. */
  raw(path: string, serve: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => void): void {
    const untouched = (bytes: unknown): Buffer => bytes as Buffer;
    this.definition[path] = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: untouched,
      requestDeserialize: untouched,
      responseSerialize: untouched,
      responseDeserialize: untouched,
    };
    this.implementation[path] = serve as Implementation;
  }

  #add(rpc: RpcMethod<MessageName, MessageName>, serve: Implementation): this {
    const { encodeRequest, decodeRequest, encodeResponse, decodeResponse } = codecs(rpc);
    this.definition[rpc.path] = {
      path: rpc.path,
      requestStream: rpc.requestStream,
      responseStream: rpc.responseStream,
      requestSerialize: encodeRequest as (value: unknown) => Buffer,
      requestDeserialize: decodeRequest,
      responseSerialize: encodeResponse as (value: unknown) => Buffer,
      responseDeserialize: decodeResponse,
    };
    this.implementation[rpc.path] = serve;
    return this;
  }

  #status(path: string, error: unknown): { code: grpc.status; details: string } {
    const status = statusOf(error);
    if (status.code === grpc.status.INTERNAL) this.#logger.error({ err: error, path }, 'a call failed');
    else this.#logger.debug({ path, code: status.code, details: status.details }, 'a call was refused');
    return status;
  }
}

type Call = Pick<grpc.ServerUnaryCall<unknown, unknown>, 'metadata' | 'getPeer' | 'getAuthContext'> &
  NodeJS.EventEmitter;

function callerOf(call: Call): RpcCaller {
  const abort = new AbortController();
  call.on('cancelled', () => abort.abort());
  call.on('close', () => abort.abort());
  const certificate = call.getAuthContext()?.sslPeerCertificate;
  return {
    principals: certificate ? principalsOf(certificate) : [],
    metadata: (name) => call.metadata.get(name)[0]?.toString(),
    peer: call.getPeer(),
    signal: abort.signal,
  };
}

/** Where and how a gRPC server listens. */
export interface RpcServerOptions {
  readonly name: string;
  /** `127.0.0.1:PORT` (0 for any) or `unix:PATH`. */
  readonly address: string;
  readonly credentials: grpc.ServerCredentials;
  readonly services: RpcServices;
  /** Open calls are cut this long after `stop`. Milliseconds. */
  readonly drainTimeoutMs?: number;
  readonly maxMessageBytes?: number;
}

/** A gRPC server as a component; `port` is the bound one after `start` (0 for a unix socket). */
export function createRpcServer(options: RpcServerOptions): Component & { readonly port: number } {
  const maxBytes = options.maxMessageBytes ?? 64 * 1024 * 1024;
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxBytes,
    'grpc.max_send_message_length': maxBytes,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  server.addService(options.services.definition as grpc.ServiceDefinition, options.services.implementation);
  let port = 0;
  return {
    name: options.name,
    get port() {
      return port;
    },
    start: () =>
      new Promise((resolve, reject) => {
        server.bindAsync(options.address, options.credentials, (error, bound) => {
          if (error) {
            const taken = error.message.includes('EADDRINUSE')
              ? ': the address is taken, stop its owner or choose another'
              : '';
            const message = `${options.name} cannot listen on ${options.address}${taken || `: ${error.message}`}`;
            return reject(
              new LateenError(message, { code: 'LTN_RPC_LISTEN', origin: 'config', cause: error }),
            );
          }
          port = options.address.startsWith('unix:') ? 0 : bound;
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.forceShutdown(), options.drainTimeoutMs ?? 1000);
        server.tryShutdown(() => {
          clearTimeout(cut);
          resolve();
        });
      }),
  };
}
