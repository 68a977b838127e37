import { describe, expect, test } from 'vitest';
import { isCatchAll, routeMatch, sourceMatches } from './http-match.ts';

const caseSensitive = { value: true };

test.each([
  [undefined, { prefix: '/' }],
  [{ uri: { prefix: '/a' } }, { prefix: '/a', caseSensitive }],
  [
    { uri: { exact: '/a' }, ignoreUriCase: true },
    { path: '/a', caseSensitive: { value: false } },
  ],
  [{ uri: { regex: '/v[12]' } }, { safeRegex: { regex: '/v[12]' }, caseSensitive }],
  [
    { headers: { b: { exact: '1' }, a: {} }, method: { exact: 'GET' } },
    {
      prefix: '/',
      caseSensitive,
      headers: [
        { name: 'a', presentMatch: true },
        { name: 'b', stringMatch: { exact: '1' } },
        { name: ':method', stringMatch: { exact: 'GET' } },
      ],
    },
  ],
  [
    { withoutHeaders: { a: {}, b: { regex: 'x' } } },
    {
      prefix: '/',
      caseSensitive,
      headers: [
        { name: 'a', presentMatch: true, invertMatch: true },
        {
          name: 'b',
          stringMatch: { safeRegex: { regex: 'x' } },
          invertMatch: true,
          treatMissingHeaderAsEmpty: true,
        },
      ],
    },
  ],
  [
    { queryParams: { q: { exact: '' }, p: { prefix: 'x' } } },
    {
      prefix: '/',
      caseSensitive,
      queryParameters: [
        { name: 'p', stringMatch: { prefix: 'x' } },
        { name: 'q', presentMatch: true },
      ],
    },
  ],
  [{ headers: { uri: { exact: '/ignored' } } }, { prefix: '/', caseSensitive }],
])('%j', (match, envoy) => {
  expect(routeMatch(match)).toEqual(envoy);
});

test('only what takes everything is a catch-all', () => {
  expect(isCatchAll({ prefix: '/' })).toBe(true);
  expect(isCatchAll({ prefix: '/a' })).toBe(false);
  expect(isCatchAll({ prefix: '/', headers: [{ name: 'a', presentMatch: true }] })).toBe(false);
});

describe('what is decided when the route is built', () => {
  const scope = {
    labels: new Map([['app', 'web']]),
    namespace: 'shop',
    gateways: new Set(['mesh']),
    port: 9080,
  };

  test.each([
    [{}, true],
    [{ port: 9080 }, true],
    [{ port: 80 }, false],
    [{ sourceLabels: { app: 'web' } }, true],
    [{ sourceLabels: { app: 'other' } }, false],
    [{ sourceNamespace: 'shop' }, true],
    [{ sourceNamespace: 'bank' }, false],
    [{ gateways: ['mesh'] }, true],
    [{ gateways: ['edge'] }, false],
  ])('%j: %s', (match, holds) => {
    expect(sourceMatches(match, 'shop', scope)).toBe(holds);
  });

  test('a gateway is named from the namespace of the rule', () => {
    const edge = { ...scope, gateways: new Set(['shop/edge']) };
    expect(sourceMatches({ gateways: ['edge'] }, 'shop', edge)).toBe(true);
    expect(sourceMatches({ gateways: ['edge'] }, 'bank', edge)).toBe(false);
    expect(sourceMatches({ gateways: ['shop/edge'] }, 'bank', edge)).toBe(true);
  });
});
