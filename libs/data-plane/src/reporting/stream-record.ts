/** What is known about a stream, for logs, statistics and reports. Filled while the stream runs; read at its end. */
export class StreamRecord {
  /** Epoch milliseconds of the request's first byte. */
  readonly startedAt: number;
  /** The same moment on the monotonic clock; all `…At` below are monotonic milliseconds, -1 while unknown. */
  readonly begunAt: number;
  requestEndAt = -1;
  upstreamFirstByteAt = -1;
  upstreamSentAt = -1;
  responseHeadAt = -1;
  endAt = -1;
  protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' = 'HTTP/1.1';
  /** Bits of `responseFlag`. */
  flags = 0;
  /** The same bits in the order in which they were set: that is how logs print them. */
  flagOrder: number[] | undefined;
  /** Envoy's response code details; empty while unknown. */
  details = '';
  terminationDetails = '';
  /** Body bytes from and to the client. */
  bytesReceived = 0;
  bytesSent = 0;
  virtualHost = '';
  routeName = '';
  cluster = '';
  upstreamHost = '';
  upstreamHostname = '';
  upstreamLocalAddress = '';
  upstreamTransportFailure = '';
  /** Tries so far. */
  attempts = 0;
  /** Address that the client is known by (x-forwarded-for considered), without port. */
  remoteAddress = '';

  constructor(startedAt: number, begunAt: number) {
    this.startedAt = startedAt;
    this.begunAt = begunAt;
  }

  /** Sets a bit of `responseFlag`; 0 sets none. */
  flag(bit: number): void {
    if (bit === 0 || (this.flags & bit) !== 0) return;
    this.flags |= bit;
    (this.flagOrder ??= []).push(bit);
  }
}
