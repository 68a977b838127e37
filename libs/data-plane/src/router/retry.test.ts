import { RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import { compileRetryPolicy } from '@lateen/routing-engine';
import { expect, test } from 'vitest';
import type { UpstreamReset } from '../connection-pool/exchange.ts';
import { retryDelay, type TryOutcome, takeRetryPolicy, wantsRetry } from './retry.ts';

const policy = (retryOn: string, more = {}) => compileRetryPolicy({ retryOn, ...more }, 'retry_policy');

function response(status: number, headers: Record<string, string> = {}): TryOutcome {
  const list = new ResponseHeaders();
  list.status = status;
  for (const [name, value] of Object.entries(headers)) list.append(name, value);
  return { kind: 'response', headers: list };
}

const reset = (
  reason: UpstreamReset['reason'],
  more: { stale?: boolean; method?: string; headSent?: boolean } = {},
): TryOutcome => ({
  kind: 'reset',
  reset: { reason, transportFailure: '', stale: more.stale ?? false },
  method: more.method ?? 'GET',
  headSent: more.headSent ?? true,
});

test.each<[string, TryOutcome, boolean]>([
  ['5xx', response(503), true],
  ['5xx', response(499), false],
  ['5xx', reset('connection termination'), true],
  ['5xx', reset('overflow'), false],
  ['5xx', response(503, { 'x-envoy-ratelimited': 'true' }), false],
  ['envoy-ratelimited', response(429, { 'x-envoy-ratelimited': 'true' }), true],
  ['gateway-error', response(500), false],
  ['gateway-error', response(504), true],
  ['retriable-4xx', response(409), true],
  ['connect-failure', reset('remote connection failure'), true],
  ['connect-failure', reset('connection timeout'), true],
  ['connect-failure', reset('connection termination'), false],
  ['connect-failure', reset('connection termination', { stale: true }), true],
  ['connect-failure', reset('connection termination', { stale: true, method: 'POST' }), false],
  ['reset', reset('connection termination', { method: 'POST' }), true],
  ['reset-before-request', reset('connection termination', { headSent: false }), true],
  ['reset-before-request', reset('connection termination'), false],
  ['unavailable', response(200, { 'grpc-status': '14' }), true],
  ['unavailable', response(200, { 'grpc-status': '0' }), false],
  ['5xx', { kind: 'timeout' }, true],
  ['connect-failure', { kind: 'timeout' }, false],
])('%s: %o → %s', (on, outcome, wanted) => expect(wantsRetry(policy(on), outcome)).toBe(wanted));

test('status codes and headers of the policy', () => {
  const retry = policy('retriable-status-codes,retriable-headers', {
    retriableStatusCodes: [418],
    retriableHeaders: [{ name: 'x-again', presentMatch: true }],
  });
  expect(
    [response(418), response(200, { 'x-again': '1' }), response(200)].map((outcome) =>
      wantsRetry(retry, outcome),
    ),
  ).toEqual([true, true, false]);
});

test('back-off grows up to its bound', () => {
  const retry = policy('5xx', {
    retryBackOff: { baseInterval: { seconds: 0, nanos: 25e6 }, maxInterval: { seconds: 0, nanos: 100e6 } },
  });
  expect([1, 2, 3, 4].map((attempt) => retryDelay(retry, attempt, () => 0.999))).toEqual([24, 74, 99, 99]);
});

test('a trusted caller may ask for retries; its headers do not travel on', () => {
  const headers = new RequestHeaders();
  headers.append('x-envoy-retry-on', '5xx,reset');
  headers.append('x-envoy-max-retries', '4');
  expect(takeRetryPolicy(undefined, headers)).toMatchObject({ retries: 4, on: new Set(['5xx', 'reset']) });
  expect(headers.size).toBe(0);
});
