import type { RequestHeaders } from '@lateen/http-wire';
import { type ForwardRoute, isGrpcContentType } from '@lateen/routing-engine';

/** Times of one request; `undefined`: no limit. Milliseconds. */
export interface RequestTimeouts {
  readonly globalMs: number | undefined;
  readonly perTryMs: number | undefined;
}

const grpcUnits: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a `grpc-timeout` value; `undefined` when it is none (at most 8 digits and a unit). */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match ? Math.ceil(Number(match[1]) * grpcUnits[match[2]!]!) : undefined;
}

/**
 * Longest life of a stream, milliseconds: the route's where it says so (from `grpc-timeout` too, when the route reads
 * it), else the connection manager's. `undefined`: no limit.
 */
export function streamDurationMs(
  route: ForwardRoute,
  headers: { get(name: string): string | undefined },
  managerMs: number | undefined,
): number | undefined {
  const own = route.maxStreamDuration;
  if (!own) return managerMs;
  const asked =
    own.grpcHeaderMaxMs === undefined ? undefined : parseGrpcTimeout(headers.get('grpc-timeout') ?? '');
  if (asked !== undefined && own.grpcHeaderMaxMs !== undefined) {
    const bounded = own.grpcHeaderMaxMs === 0 ? asked : Math.min(asked, own.grpcHeaderMaxMs);
    return Math.max(0, bounded - own.grpcHeaderOffsetMs) || undefined;
  }
  return own.maxMs === undefined ? managerMs : own.maxMs || undefined;
}

function wholeMs(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/**
 * Timeouts of a request by Envoy's rules: the route's, `grpc-timeout` where the route allows it, then the caller's
 * `x-envoy-upstream-rq-timeout-ms` and `…-per-try-timeout-ms` (the connection manager has removed untrusted ones).
 * Those headers are taken out, and the upstream is told its time by `x-envoy-expected-rq-timeout-ms`.
 */
export function takeTimeouts(route: ForwardRoute, headers: RequestHeaders): RequestTimeouts {
  let globalMs = route.timeoutMs;
  if (route.maxGrpcTimeoutMs !== undefined) {
    const contentType = headers.get('content-type');
    if (contentType !== undefined && isGrpcContentType(contentType)) {
      const asked = parseGrpcTimeout(headers.get('grpc-timeout') ?? '');
      const most = route.maxGrpcTimeoutMs;
      globalMs = most === 0 ? asked : asked === undefined ? most : Math.min(asked, most);
    }
  }
  let perTryMs = route.retry?.perTryTimeoutMs;
  const asked = wholeMs(headers.get('x-envoy-upstream-rq-timeout-ms'));
  if (asked !== undefined) {
    globalMs = asked === 0 ? undefined : asked;
    headers.delete('x-envoy-upstream-rq-timeout-ms');
  }
  const askedPerTry = wholeMs(headers.get('x-envoy-upstream-rq-per-try-timeout-ms'));
  if (askedPerTry !== undefined) {
    perTryMs = askedPerTry === 0 ? undefined : askedPerTry;
    headers.delete('x-envoy-upstream-rq-per-try-timeout-ms');
  }
  if (globalMs === 0) globalMs = undefined;
  if (perTryMs !== undefined && globalMs !== undefined && perTryMs >= globalMs) perTryMs = undefined;
  const expected = perTryMs ?? globalMs;
  if (expected !== undefined) headers.set('x-envoy-expected-rq-timeout-ms', String(Math.ceil(expected)));
  return { globalMs, perTryMs };
}
