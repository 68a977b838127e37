import { flag, frameHeadBytes, frameType } from './frame.ts';

const chunkBytes = 16 * 1024;
/** Content up to this size is copied next to its frame head; larger content goes out by reference. */
const copiedBytes = 2048;

/** Gathers frames until the transport takes them as a few buffers. */
export class FrameWriter {
  #parts: Buffer[] = [];
  #chunk: Buffer = Buffer.allocUnsafeSlow(chunkBytes);
  #start = 0;
  #at = 0;
  /** Bytes gathered. */
  bytes = 0;

  /** All that was gathered, in order; the buffers are the taker's. */
  take(): Buffer[] {
    this.#seal();
    const parts = this.#parts;
    this.#parts = [];
    this.bytes = 0;
    return parts;
  }

  raw(bytes: Buffer): void {
    this.#room(bytes.length);
    this.#at += bytes.copy(this.#chunk, this.#at);
    this.bytes += bytes.length;
  }

  data(streamId: number, content: Buffer, end: boolean): void {
    const { length } = content;
    this.#head(
      length,
      frameType.data,
      end ? flag.endStream : 0,
      streamId,
      length <= copiedBytes ? length : 0,
    );
    if (length === 0) return;
    this.bytes += length;
    if (length <= copiedBytes) {
      this.#at += content.copy(this.#chunk, this.#at);
      return;
    }
    this.#seal();
    this.#parts.push(content);
  }

  /** HEADERS with as many CONTINUATIONs as the peer's frame size asks for. */
  headers(streamId: number, block: Buffer, options: { end: boolean; maxFrame: number }): void {
    const { end, maxFrame } = options;
    let type: number = frameType.headers;
    let from = 0;
    do {
      const to = Math.min(block.length, from + maxFrame);
      const flags =
        (to === block.length ? flag.endHeaders : 0) |
        (type === frameType.headers && end ? flag.endStream : 0);
      this.#head(to - from, type, flags, streamId, to - from);
      this.#at += block.copy(this.#chunk, this.#at, from, to);
      this.bytes += to - from;
      type = frameType.continuation;
      from = to;
    } while (from < block.length);
  }

  /** A frame with a payload of 32-bit words. */
  words(type: number, streamId: number, words: readonly number[]): void {
    this.#head(words.length * 4, type, 0, streamId, words.length * 4);
    for (const word of words) this.#word(word);
    this.bytes += words.length * 4;
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#head(pairs.length * 6, frameType.settings, 0, 0, pairs.length * 6);
    for (const [id, value] of pairs) {
      this.#chunk[this.#at++] = id >>> 8;
      this.#chunk[this.#at++] = id;
      this.#word(value);
    }
    this.bytes += pairs.length * 6;
  }

  settingsAck(): void {
    this.#head(0, frameType.settings, flag.ack, 0, 0);
  }

  ping(ack: boolean, opaque: Buffer): void {
    this.#head(8, frameType.ping, ack ? flag.ack : 0, 0, 8);
    this.#at += opaque.copy(this.#chunk, this.#at, 0, 8);
    this.bytes += 8;
  }

  #word(value: number): void {
    this.#chunk[this.#at++] = value >>> 24;
    this.#chunk[this.#at++] = value >>> 16;
    this.#chunk[this.#at++] = value >>> 8;
    this.#chunk[this.#at++] = value;
  }

  #head(length: number, type: number, flags: number, streamId: number, follows: number): void {
    this.#room(frameHeadBytes + follows);
    const chunk = this.#chunk;
    chunk[this.#at++] = length >>> 16;
    chunk[this.#at++] = length >>> 8;
    chunk[this.#at++] = length;
    chunk[this.#at++] = type;
    chunk[this.#at++] = flags;
    this.#word(streamId);
    this.bytes += frameHeadBytes;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#chunk.length) return;
    this.#seal();
    // What was taken may still be on its way: a chunk is never written twice.
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
    this.#start = this.#at = 0;
  }

  #seal(): void {
    if (this.#at === this.#start) return;
    this.#parts.push(this.#chunk.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }
}
