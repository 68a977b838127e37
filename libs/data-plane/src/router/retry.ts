import type { RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import type { RetryPolicy } from '@lateen/routing-engine';
import type { Random } from '@lateen/runtime';
import type { UpstreamReset } from '../connection-pool/exchange.ts';

/** What came of a try that may be repeated. */
export type TryOutcome =
  | { readonly kind: 'response'; readonly headers: ResponseHeaders }
  | {
      readonly kind: 'reset';
      readonly reset: UpstreamReset;
      readonly method: string;
      readonly headSent: boolean;
    }
  | { readonly kind: 'timeout' };

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const grpcCodes: Readonly<Record<string, string>> = {
  '1': 'cancelled',
  '4': 'deadline-exceeded',
  '8': 'resource-exhausted',
  '13': 'internal',
  '14': 'unavailable',
};

function responseRetries(policy: RetryPolicy, headers: ResponseHeaders): boolean {
  const { on } = policy;
  const { status } = headers;
  if (headers.has('x-envoy-ratelimited')) return on.has('envoy-ratelimited');
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (on.has('retriable-status-codes') && policy.retriableStatusCodes.has(status)) return true;
  if (on.has('retriable-headers') && policy.retriableHeaders(headers)) return true;
  const grpc = headers.get('grpc-status');
  const code = grpc === undefined ? undefined : grpcCodes[grpc];
  return code !== undefined && on.has(code);
}

function resetRetries(policy: RetryPolicy, outcome: Extract<TryOutcome, { kind: 'reset' }>): boolean {
  const { on } = policy;
  const { reason, stale } = outcome.reset;
  // A full breaker would only be pressed harder.
  if (reason === 'overflow') return false;
  if (on.has('reset') || on.has('5xx') || on.has('gateway-error')) return true;
  const connect = reason.endsWith('connection failure') || reason === 'connection timeout';
  if (connect) return on.has('connect-failure') || on.has('reset-before-request');
  if (on.has('reset-before-request') && (!outcome.headSent || stale)) return true;
  // The server had closed the connection before our request came: as good as no connection, where repeating is harmless.
  return stale && on.has('connect-failure') && idempotent.has(outcome.method);
}

/** Does the policy ask for another try? Envoy's `retry_on` words; `refused-stream` is HTTP/2's. */
export function wantsRetry(policy: RetryPolicy, outcome: TryOutcome): boolean {
  if (outcome.kind === 'response') return responseRetries(policy, outcome.headers);
  if (outcome.kind === 'reset') return resetRetries(policy, outcome);
  return policy.on.has('5xx') || policy.on.has('gateway-error') || policy.on.has('reset');
}

/** Wait before try `retry` (1 for the first repetition): full jitter over an exponential bound, as Envoy. Milliseconds. */
export function retryDelay(policy: RetryPolicy, retry: number, random: Random): number {
  const bound = Math.min(policy.maxIntervalMs, policy.baseIntervalMs * (2 ** Math.min(retry, 20) - 1));
  return Math.floor(bound * random());
}

const internalHeaders = [
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
] as const;

/**
 * The policy with what the caller asks by `x-envoy-retry-on`, `x-envoy-max-retries` and
 * `x-envoy-retriable-status-codes`; the headers are taken out. The connection manager has removed untrusted ones.
 */
export function takeRetryPolicy(
  policy: RetryPolicy | undefined,
  headers: RequestHeaders,
): RetryPolicy | undefined {
  const asked = headers.get('x-envoy-retry-on') ?? headers.get('x-envoy-retry-grpc-on');
  const most = headers.get('x-envoy-max-retries');
  if (asked === undefined && most === undefined) return policy;
  const words = [headers.get('x-envoy-retry-on'), headers.get('x-envoy-retry-grpc-on')].join(',').split(',');
  const codes = (headers.get('x-envoy-retriable-status-codes') ?? '').split(',').map(Number);
  for (const name of internalHeaders) headers.delete(name);
  const on = new Set(policy?.on);
  for (const word of words) if (word.trim() !== '') on.add(word.trim());
  if (on.size === 0) return policy;
  const retries = most !== undefined && /^\d{1,4}$/.test(most) ? Number(most) : (policy?.retries ?? 1);
  return {
    on,
    retries,
    perTryTimeoutMs: policy?.perTryTimeoutMs,
    retriableStatusCodes: new Set([
      ...(policy?.retriableStatusCodes ?? []),
      ...codes.filter((code) => code >= 100),
    ]),
    retriableHeaders: policy?.retriableHeaders ?? (() => false),
    baseIntervalMs: policy?.baseIntervalMs ?? 25,
    maxIntervalMs: policy?.maxIntervalMs ?? 250,
    avoidPreviousHosts: policy?.avoidPreviousHosts ?? false,
    hostSelectionAttempts: policy?.hostSelectionAttempts ?? 1,
  };
}
