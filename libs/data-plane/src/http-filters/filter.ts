import type { RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import type { FormatContext, RouteDecision } from '@lateen/routing-engine';
import type { ConnectionInfo } from '../connection.ts';
import type { StreamRecord } from '../reporting/stream-record.ts';

/** An answer that the proxy gives itself. */
export interface LocalReply {
  readonly status: number;
  readonly body: string | Uint8Array;
  /** Envoy's response code details. */
  readonly details: string;
  /** Bits of `responseFlag`. */
  readonly flags?: number;
  /** gRPC status for gRPC callers instead of the one that follows from `status`. */
  readonly grpcStatus?: number;
  /** More headers, set after those of the reply itself. */
  readonly edit?: (headers: ResponseHeaders) => void;
}

/** A stream as filters see it. */
export interface FilterStream extends FormatContext {
  readonly responseHeaders: ResponseHeaders | undefined;
  readonly connection: ConnectionInfo;
  readonly requestHeaders: RequestHeaders;
  readonly record: StreamRecord;
  /** The route that was chosen; chosen at the first call. */
  route(): RouteDecision;
  /** Chooses again after headers changed. */
  clearRoute(): void;
  /** The filter's config of the most specific level of the route; `undefined` without. */
  routeConfig(filter: string): unknown;
  /** Answers the request; nothing is forwarded. */
  reply(reply: LocalReply): void;
  /** Goes on after `wait`. Without effect when the stream is over. */
  proceed(): void;
  /** Does the request have a body (yet to come)? */
  readonly hasBody: boolean;
  /** Dynamic metadata by filter name. */
  metadata(filter: string): unknown;
  setMetadata(filter: string, value: unknown): void;
  /** What a filter keeps about this stream. */
  note(filter: HttpFilter): unknown;
  setNote(filter: HttpFilter, value: unknown): void;
}

/** `continue` with the next filter; `wait` until `proceed` is called; `answered`: `reply` was called. */
export type FilterVerdict = 'continue' | 'wait' | 'answered';

/** An HTTP filter, compiled from its config. One object serves all streams of a connection manager. */
export interface HttpFilter {
  /** Name in the configuration; `typed_per_filter_config` is looked up by it. */
  readonly name: string;
  onRequest?(stream: FilterStream): FilterVerdict;
  /** The response's headers, local replies included, in reverse order of the filters that saw the request. */
  onResponse?(stream: FilterStream, headers: ResponseHeaders): void;
  /** The stream is over. Once for every stream that reached the filters. */
  onComplete?(stream: FilterStream): void;
}

/** Value of `typed_per_filter_config` that turns a filter off for a route (`envoy.config.route.v3.FilterConfig`). */
export const filterDisabled: unique symbol = Symbol('filter disabled');
