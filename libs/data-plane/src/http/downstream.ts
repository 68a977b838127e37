import type { HeaderList, ResponseHeaders } from '@lateen/http-wire';
import type { ConnectionInfo } from '../connection.ts';

/** A codec's side of one stream: the way back to the client. HTTP/1.1 and HTTP/2 implement it. */
export interface Downstream {
  readonly info: ConnectionInfo;
  sendInformational(headers: ResponseHeaders): void;
  /** `end`: no body follows, though `sendEnd` will be called. `tunnel`: raw bytes follow both ways. */
  sendHead(headers: ResponseHeaders, options: { end: boolean; tunnel: boolean }): void;
  /** `false`: hold back until the stream's `onWritable`. */
  sendData(bytes: Buffer): boolean;
  sendEnd(trailers: HeaderList | undefined): void;
  /** Ends the stream without completing the response. */
  reset(): void;
  /** Stops and resumes the request's body. */
  pauseRequest(): void;
  resumeRequest(): void;
  /** Time without movement after which the stream's `onIdle` is called; replaces the manager's. Milliseconds. */
  setIdleTimeout(ms: number | undefined): void;
  /** The response will be the last on its connection. */
  closeAfter(): void;
  /** The stream has ended, however it did; called once, last. */
  streamOver(): void;
}
