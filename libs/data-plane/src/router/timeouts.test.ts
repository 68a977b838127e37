import { RequestHeaders } from '@lateen/http-wire';
import { compileRouteTable, type ForwardRoute, type RouteRequest } from '@lateen/routing-engine';
import { expect, test } from 'vitest';
import { parseGrpcTimeout, takeTimeouts } from './timeouts.ts';

function routeOf(action: object): ForwardRoute {
  const table = compileRouteTable(
    {
      name: 't',
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'c', ...action } }],
        },
      ],
    },
    { decodeFilterConfig: () => undefined },
  );
  const headers = new RequestHeaders();
  const request: RouteRequest = {
    authority: 'a',
    path: '/',
    method: 'GET',
    scheme: 'http',
    headers,
    listenerPort: 80,
    peerCertificate: 'none',
    metadata: () => undefined,
    random: () => 0,
  };
  const decision = table.decide(request);
  if (decision.kind !== 'forward') throw new Error('expected a forwarding route');
  return decision.route;
}

const perTry = { retryPolicy: { retryOn: '5xx', perTryTimeout: { seconds: 1, nanos: 0 } } };

test.each<[string, object, Record<string, string>, number | undefined, number | undefined]>([
  ['default', {}, {}, 15_000, undefined],
  ['route', { timeout: { seconds: 2, nanos: 0 } }, {}, 2000, undefined],
  ['none', { timeout: { seconds: 0, nanos: 0 } }, {}, undefined, undefined],
  ['per try', perTry, {}, 15_000, 1000],
  ['per try longer than all', { ...perTry, timeout: { seconds: 0, nanos: 5e8 } }, {}, 500, undefined],
  ['asked', {}, { 'x-envoy-upstream-rq-timeout-ms': '70' }, 70, undefined],
  ['asked per try', {}, { 'x-envoy-upstream-rq-per-try-timeout-ms': '7' }, 15_000, 7],
  ['nonsense is passed over', {}, { 'x-envoy-upstream-rq-timeout-ms': '-1' }, 15_000, undefined],
])('%s', (_, action, given, globalMs, perTryMs) => {
  const headers = new RequestHeaders();
  for (const [name, value] of Object.entries(given)) headers.append(name, value);
  expect(takeTimeouts(routeOf(action), headers)).toEqual({ globalMs, perTryMs });
  const expected = perTryMs ?? globalMs;
  expect(headers.get('x-envoy-expected-rq-timeout-ms')).toBe(
    expected === undefined ? undefined : String(expected),
  );
});

test('grpc-timeout: units, and no overflow', () => {
  expect(['1S', '10m', '1500u', '2H', '99999999999H', '-1S', ''].map(parseGrpcTimeout)).toEqual([
    1000,
    10,
    2,
    7_200_000,
    undefined,
    undefined,
    undefined,
  ]);
});
