import type { Duplex } from 'node:stream';
import * as grpc from '@grpc/grpc-js';
import type { MessageName } from '@lateen/protos';
import type { RpcClient } from './client.ts';
import type { RpcMethod } from './method.ts';
import type { RpcServices } from './server.ts';

/** Streams that pass through here. */
export interface Relay {
  /** Streams that are open now. */
  readonly open: number;
  /** Ends every open stream with UNAVAILABLE, on both sides. */
  close(): void;
}

/**
 * Serves bidirectional streams by passing their messages, undecoded, to another server and its answers back, with
 * back-pressure both ways. The end of one side is the end of the other: upstream's status becomes the downstream
 * status, a half-close is handed on, a downstream that goes away cancels upstream.
 */
export function relayStreams(
  services: RpcServices,
  rpcs: readonly RpcMethod<MessageName, MessageName>[],
  upstream: RpcClient,
): Relay {
  const open = new Set<() => void>();
  for (const { path } of rpcs) {
    services.raw(path, (downstream) => {
      const call = upstream.raw(path);
      let over = false;
      const finish = (status: { readonly code: grpc.status; readonly details: string }): void => {
        if (over) return;
        over = true;
        open.delete(cut);
        call.cancel();
        if (status.code === grpc.status.OK) downstream.end();
        // Emitted: grpc-js sends the status from its own listener, on a call that is still open.
        else downstream.emit('error', Object.assign(new Error(status.details), status));
      };
      const cut = (): void => finish({ code: grpc.status.UNAVAILABLE, details: 'the relay is stopping' });
      open.add(cut);
      call.on('status', ({ code, details }) => {
        // What upstream sent before its status must reach the downstream before the end does.
        if (call.readableEnded || code !== grpc.status.OK) finish({ code, details });
        else call.once('end', () => finish({ code, details }));
      });
      call.on('error', () => {}); // its status says the same; without a listener Node would throw
      downstream.on('error', () =>
        finish({ code: grpc.status.CANCELLED, details: 'the downstream is broken' }),
      );
      downstream.on('cancelled', () =>
        finish({ code: grpc.status.CANCELLED, details: 'the downstream is gone' }),
      );
      // grpc-js' declarations of these duplex streams miss what exactOptionalPropertyTypes asks of Node's.
      downstream.pipe(call as unknown as Duplex);
      call.pipe(downstream as unknown as Duplex, { end: false });
    });
  }
  return {
    get open() {
      return open.size;
    },
    close() {
      for (const cut of open) cut();
    },
  };
}
