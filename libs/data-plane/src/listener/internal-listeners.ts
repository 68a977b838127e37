import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** Listeners that take connections from within the proxy (`internal_listener`), by name. */
export class InternalListeners {
  readonly #accept = new Map<string, (socket: Socket) => void>();

  /** Registers a listener; the answer unregisters it, unless another took its place. */
  add(name: string, accept: (socket: Socket) => void): () => void {
    this.#accept.set(name, accept);
    return () => {
      if (this.#accept.get(name) === accept) this.#accept.delete(name);
    };
  }

  /** Connects to a listener; `undefined` when there is none of that name. */
  connect(name: string): Socket | undefined {
    const accept = this.#accept.get(name);
    if (!accept) return undefined;
    const [near, far] = createPair();
    accept(far);
    return near;
  }
}

/**
 * One end of a connection inside the process. It has the parts of a `net.Socket` that the data plane uses; there is
 * no kernel object behind it, so what concerns one does nothing.
 */
class InternalSocket extends Duplex {
  peer: InternalSocket | undefined;
  #resume: (() => void) | undefined;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 0;
  readonly remoteFamily = 'IPv4';
  readonly localAddress = '127.0.0.1';
  readonly localPort = 0;
  readonly connecting = false;
  bytesRead = 0;
  bytesWritten = 0;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** Takes bytes from the other end; `done` waits until they are wanted: back-pressure. */
  receive(chunk: Buffer | null, done: () => void): void {
    this.bytesRead += chunk?.length ?? 0;
    if (this.push(chunk) || chunk === null) done();
    else this.#resume = done;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const peer = this.peer;
    if (!peer || peer.destroyed) return done(new Error('the other end is closed'));
    this.bytesWritten += chunk.length;
    peer.receive(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.peer && !this.peer.destroyed) this.peer.receive(null, done);
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
    const peer = this.peer;
    if (peer && !peer.destroyed && !(this.writableFinished && this.readableEnded)) {
      queueMicrotask(() => peer.destroy(error ? new Error('the other end was reset') : undefined));
    }
    done(error);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }

  address(): object {
    return {};
  }
}

/** Two connected ends, paused. */
function createPair(): [Socket, Socket] {
  const near = new InternalSocket();
  const far = new InternalSocket();
  near.peer = far;
  far.peer = near;
  near.pause();
  far.pause();
  // Every member of Socket that the data plane uses is there; the rest is about kernel sockets.
  return [near as unknown as Socket, far as unknown as Socket];
}
