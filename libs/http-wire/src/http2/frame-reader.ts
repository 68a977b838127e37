import { flag, frameBytes, frameHeadBytes, frameType } from './frame.ts';

/** Takes frames. `false` from a call: the connection is over, nothing further is read. */
export interface FrameSink {
  /** A whole frame other than DATA; the payload is valid during the call. */
  onFrame(head: FrameHead, payload: Buffer, start: number, end: number): boolean;
  /** A DATA frame begins. `length` is all that counts against the windows, padding included. */
  onDataFrame(head: FrameHead): boolean;
  /** A piece of a DATA frame's content; valid during the call and after, as the bytes given to `feed` are. */
  onDataPiece(streamId: number, bytes: Buffer): boolean;
  /** The DATA frame's content has all come. */
  onDataFrameEnd(head: FrameHead): boolean;
  onTooLarge(head: FrameHead): void;
  onBadPadding(head: FrameHead): void;
}

/** The nine bytes that every frame begins with; `length` counts the payload's bytes. */
export interface FrameHead {
  length: number;
  type: number;
  flags: number;
  streamId: number;
}

/**
 * Cuts a connection's bytes into frames, however they were split. DATA goes through in pieces without a copy; other
 * frames are put together where a cut falls into them.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head: FrameHead = { length: 0, type: 0, flags: 0, streamId: 0 };
  /** Bytes of a frame head or of a payload that was cut. */
  #held: Buffer = Buffer.allocUnsafeSlow(64);
  #heldBytes = 0;
  #state: 'head' | 'payload' | 'pad-length' | 'data' | 'padding' = 'head';
  #left = 0;
  #padding = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes bytes from `from`. `false`: the sink refused, or a frame is too large. */
  feed(bytes: Buffer, from: number): boolean {
    let at = from;
    const { length } = bytes;
    while (at < length || (this.#state !== 'head' && this.#state !== 'pad-length' && this.#left === 0)) {
      switch (this.#state) {
        case 'head': {
          if (this.#heldBytes === 0 && length - at >= frameHeadBytes) {
            this.#readHead(bytes, at);
            at += frameHeadBytes;
          } else {
            const taken = Math.min(frameHeadBytes - this.#heldBytes, length - at);
            at = this.#hold(bytes, at, taken);
            if (this.#heldBytes < frameHeadBytes) return true;
            this.#readHead(this.#held, 0);
            this.#heldBytes = 0;
          }
          if (!this.#begin()) return false;
          break;
        }
        case 'payload': {
          if (this.#heldBytes === 0 && length - at >= this.#left) {
            const start = at;
            at += this.#left;
            this.#state = 'head';
            if (!this.#sink.onFrame(this.#head, bytes, start, at)) return false;
          } else {
            const taken = Math.min(this.#left - this.#heldBytes, length - at);
            at = this.#hold(bytes, at, taken);
            if (this.#heldBytes < this.#left) return true;
            this.#heldBytes = 0;
            this.#state = 'head';
            if (!this.#sink.onFrame(this.#head, this.#held, 0, this.#left)) return false;
          }
          break;
        }
        case 'pad-length': {
          this.#padding = bytes[at]!;
          at += 1;
          this.#left -= 1;
          if (this.#padding > this.#left) {
            this.#sink.onBadPadding(this.#head);
            return false;
          }
          this.#left -= this.#padding;
          this.#state = 'data';
          break;
        }
        case 'data': {
          const taken = Math.min(this.#left, length - at);
          if (taken > 0 && !this.#sink.onDataPiece(this.#head.streamId, bytes.subarray(at, at + taken)))
            return false;
          at += taken;
          this.#left -= taken;
          if (this.#left > 0) return true;
          if (!this.#sink.onDataFrameEnd(this.#head)) return false;
          this.#left = this.#padding;
          this.#state = 'padding';
          break;
        }
        case 'padding': {
          const taken = Math.min(this.#left, length - at);
          at += taken;
          this.#left -= taken;
          if (this.#left > 0) return true;
          this.#padding = 0;
          this.#state = 'head';
          break;
        }
      }
    }
    return true;
  }

  #hold(bytes: Buffer, at: number, count: number): number {
    const wanted = this.#heldBytes + count;
    if (wanted > this.#held.length) {
      const size = Math.min(frameBytes, Math.max(this.#held.length * 4, wanted));
      const larger = Buffer.allocUnsafeSlow(size);
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes, at, at + count);
    this.#heldBytes = wanted;
    return at + count;
  }

  #readHead(bytes: Buffer, at: number): void {
    const head = this.#head;
    head.length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    head.type = bytes[at + 3]!;
    head.flags = bytes[at + 4]!;
    head.streamId =
      ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
  }

  #begin(): boolean {
    const head = this.#head;
    if (head.length > frameBytes) {
      this.#sink.onTooLarge(head);
      return false;
    }
    this.#left = head.length;
    if (head.type !== frameType.data) {
      this.#state = 'payload';
      return true;
    }
    if (!this.#sink.onDataFrame(head)) return false;
    if ((head.flags & flag.padded) === 0) {
      this.#state = 'data';
      return true;
    }
    if (head.length === 0) {
      this.#sink.onBadPadding(head);
      return false;
    }
    this.#state = 'pad-length';
    return true;
  }
}
