import type { HeaderList } from '@lateen/http-wire';

/** Body bytes that are kept for another try or a mirror; Envoy's default per-connection buffer limit. */
export const replayLimitBytes = 1024 * 1024;

/** A request's body as it arrives. Kept from its first byte while it may be sent again; let go when it grows too large. */
export class RequestBody {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #kept: boolean;
  complete = false;
  trailers: HeaderList | undefined;

  constructor(kept: boolean) {
    this.#kept = kept;
  }

  /** Can the whole body so far be sent again? */
  get replayable(): boolean {
    return this.#kept;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Holds a piece until `taken`, even when the body is not kept for a replay. */
  add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
  }

  /** What is held was sent: it is dropped unless it may be needed again. */
  taken(): void {
    if (this.#kept && this.#bytes <= replayLimitBytes) return;
    this.#kept = false;
    this.#pieces.length = 0;
    this.#bytes = 0;
  }

  /** No further try will come. */
  letGo(): void {
    this.#kept = false;
    this.taken();
  }
}
