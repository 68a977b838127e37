import type { Socket } from 'node:net';
import type { Clock, Timer } from '@lateen/runtime';

/** Bytes that went through a pair of connections. */
export interface TransferCount {
  /** From the client. */
  received: number;
  /** To the client. */
  sent: number;
}

/** How two connections are joined. */
export interface JoinOptions {
  readonly clock: Clock;
  /** Both are closed after this time without a byte either way; `undefined`: never. Milliseconds. */
  readonly idleTimeoutMs: number | undefined;
  readonly count: TransferCount;
  /** Called once when both are gone. */
  readonly onEnd: (reason: 'finished' | 'idle' | 'downstream reset' | 'upstream reset') => void;
}

/** Copies one direction with back-pressure; an end is handed on as a half-close. */
function pump(from: Socket, to: Socket, moved: (bytes: number) => void): void {
  from.on('data', (chunk: Buffer) => {
    moved(chunk.length);
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
}

/**
 * Joins two paused sockets until both directions have ended (RFC 9293 half-close: either may end first and go on
 * listening) or one of them breaks, which resets the other.
 */
export function joinSockets(downstream: Socket, upstream: Socket, options: JoinOptions): void {
  const { clock, idleTimeoutMs, count, onEnd } = options;
  let lastMove = clock.monotonic();
  let timer: Timer | undefined;
  let ended = false;

  const finish = (reason: Parameters<JoinOptions['onEnd']>[0]): void => {
    if (ended) return;
    ended = true;
    timer?.cancel();
    onEnd(reason);
  };
  const watchIdle = (waitMs: number): void => {
    timer = clock.after(waitMs, () => {
      const left = (idleTimeoutMs ?? 0) - (clock.monotonic() - lastMove);
      if (left > 0) return watchIdle(left);
      finish('idle');
      downstream.destroy();
      upstream.destroy();
    });
  };
  if (idleTimeoutMs !== undefined) watchIdle(idleTimeoutMs);

  pump(downstream, upstream, (bytes) => {
    count.received += bytes;
    lastMove = clock.monotonic();
  });
  pump(upstream, downstream, (bytes) => {
    count.sent += bytes;
    lastMove = clock.monotonic();
  });
  for (const [one, other, reason] of [
    [downstream, upstream, 'downstream reset'],
    [upstream, downstream, 'upstream reset'],
  ] as const) {
    one.on('error', () => {
      finish(reason);
      // A reset is handed on as one: the other side must not take a cut stream for a finished one.
      if (!other.destroyed) resetSocket(other);
    });
    one.on('close', () => {
      if (other.destroyed) return finish('finished');
      // Closed without an error and without an end (destroyed by a drain): the other side follows.
      if (!one.readableEnded) {
        finish(reason);
        other.destroySoon();
      }
    });
  }
  downstream.resume();
  upstream.resume();
}

/** Closes with a reset where the socket can (TLS and in-process ones are just closed). */
function resetSocket(socket: Socket): void {
  // `resetAndDestroy` of a TLS socket throws: there is no TCP handle under it that Node would reset.
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}
