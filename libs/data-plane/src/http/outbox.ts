import type { Socket } from 'node:net';

/** Messages up to this size are written as one buffer; larger ones as several with one system call. */
const scratchBytes = 64 * 1024;

// One scratch buffer for the process: a write that the kernel took at once leaves it free again. Otherwise it belongs
// to that write and a new one takes its place.
let scratch = Buffer.allocUnsafeSlow(scratchBytes);

/** Told when a socket cannot take more, and when it can again. */
export interface OutboxOwner {
  onFull(): void;
  onDrain(): void;
}

/**
 * What a connection has to send: head and body of a message, and everything else of one turn of the event loop, leave
 * in one write. Text is latin1. Bytes that are handed in belong to the outbox.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #owner: OutboxOwner;
  readonly #encrypted: boolean;
  #parts: (string | Buffer)[] = [];
  #bytes = 0;
  #scheduled = false;
  #full = false;

  constructor(socket: Socket, owner: OutboxOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#encrypted = 'encrypted' in socket;
    socket.on('drain', () => {
      if (!this.#full) return;
      this.#full = false;
      owner.onDrain();
    });
  }

  /** The socket is behind: hold further bytes back until `onDrain`. */
  get full(): boolean {
    return this.#full;
  }

  /** Adds text or bytes; they leave at the end of this turn at the latest. */
  add(part: string | Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Sends what is there now. */
  flush(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    const bytes = this.#bytes;
    this.#parts = [];
    this.#bytes = 0;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    let taken: boolean;
    if (bytes <= scratchBytes) taken = this.#writeOne(parts, bytes);
    else {
      socket.cork();
      taken = true;
      for (const part of parts)
        taken = socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
      socket.uncork();
    }
    if (!taken && !this.#full && socket.writableNeedDrain) {
      this.#full = true;
      this.#owner.onFull();
    }
  }

  #writeOne(parts: (string | Buffer)[], bytes: number): boolean {
    const only = parts.length === 1 ? parts[0]! : '';
    if (typeof only !== 'string') return this.#socket.write(only);
    const socket = this.#socket;
    // TLS and sockets that are behind keep what they are given: that gets memory of its own.
    const kept = this.#encrypted || socket.writableLength > 0;
    const target = kept ? Buffer.allocUnsafe(bytes) : scratch;
    let at = 0;
    for (const part of parts) {
      if (typeof part === 'string') at += target.write(part, at, 'latin1');
      else at += part.copy(target, at);
    }
    const taken = socket.write(kept ? target : target.subarray(0, bytes));
    if (!kept && socket.writableLength > 0) scratch = Buffer.allocUnsafeSlow(scratchBytes);
    return taken;
  }
}
