import type {
  envoy_config_route_v3_HeaderMatcher,
  envoy_config_route_v3_QueryParameterMatcher,
  envoy_type_matcher_v3_MetadataMatcher,
  envoy_type_matcher_v3_StringMatcher,
} from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import {
  addressBytes,
  compileCidr,
  compileHeaderMatcher,
  compileMetadataMatcher,
  compilePathMatcher,
  compileQueryMatcher,
  compileStringMatcher,
  compileSubstitution,
  fractionOf,
  type HeaderView,
  queryParameter,
  refuseFields,
} from './index.ts';

const headersOf = (headers: Record<string, string>): HeaderView => ({ get: (name) => headers[name] });

describe('string matcher', () => {
  const cases: [envoy_type_matcher_v3_StringMatcher, string, boolean][] = [
    [{ exact: 'a' }, 'a', true],
    [{ exact: 'a' }, 'A', false],
    [{ exact: 'Ab', ignoreCase: true }, 'aB', true],
    [{ exact: '' }, '', true],
    [{ prefix: '/a' }, '/ab', true],
    [{ prefix: '/A', ignoreCase: true }, '/ab', true],
    [{ suffix: '.com' }, 'a.com', true],
    [{ suffix: '.com' }, 'a.com.', false],
    [{ contains: 'bc' }, 'abcd', true],
    [{ contains: 'BC', ignoreCase: true }, 'abcd', true],
    [{ contains: 'bc' }, 'abd', false],
    [{ safeRegex: { regex: 'a+' } }, 'aaa', true],
    [{ safeRegex: { regex: 'a+' } }, 'baaa', false],
    [{ safeRegex: { regex: 'a+' }, ignoreCase: true }, 'AAA', false],
    [{ safeRegex: { regex: '(?i)a+' } }, 'AAA', true],
  ];
  test.each(cases)('%j on %j is %j', (matcher, text, expected) => {
    expect(compileStringMatcher(matcher, 'm')(text)).toBe(expected);
  });

  const refused: [envoy_type_matcher_v3_StringMatcher, RegExp][] = [
    [{}, /^m: names no match pattern/],
    [{ prefix: '' }, /^m\.prefix: must not be empty/],
    [{ safeRegex: { regex: '(' } }, /^m\.safe_regex\.regex: invalid regular expression/],
    [{ safeRegex: { regex: 'a'.repeat(9000) } }, /at most 8192/],
    [{ safeRegex: { regex: '(?=a)' } }, /^m\.safe_regex\.regex: invalid/],
  ];
  test.each(refused)('%j is refused', (matcher, message) => {
    expect(() => compileStringMatcher(matcher, 'm')).toThrow(message);
  });

  test('a pattern that makes backtracking engines hang takes linear time', () => {
    const matches = compileStringMatcher({ safeRegex: { regex: '(a+)+b' } }, 'm');
    expect(matches('a'.repeat(5000))).toBe(false);
  });
});

describe('header matcher', () => {
  const name = 'x-a';
  const cases: [Omit<envoy_config_route_v3_HeaderMatcher, 'name'>, string | undefined, boolean][] = [
    [{}, 'v', true],
    [{}, undefined, false],
    [{ presentMatch: true }, '', true],
    [{ presentMatch: false }, undefined, true],
    [{ presentMatch: false }, 'v', false],
    [{ presentMatch: true, invertMatch: true }, undefined, true],
    [{ presentMatch: true, invertMatch: true }, 'v', false],
    [{ exactMatch: 'v' }, 'v', true],
    [{ exactMatch: 'v', invertMatch: true }, 'w', true],
    [{ exactMatch: 'v', invertMatch: true }, undefined, false],
    [{ exactMatch: 'v', invertMatch: true, treatMissingHeaderAsEmpty: true }, undefined, true],
    [{ stringMatch: { exact: '' }, treatMissingHeaderAsEmpty: true }, undefined, true],
    [{ stringMatch: { prefix: 'ab' } }, 'abc', true],
    [{ prefixMatch: 'ab' }, 'abc', true],
    [{ suffixMatch: 'bc' }, 'abc', true],
    [{ containsMatch: 'b' }, 'abc', true],
    [{ safeRegexMatch: { regex: '[0-9]+' } }, '12', true],
    [{ safeRegexMatch: { regex: '[0-9]+' } }, '12a', false],
    [{ rangeMatch: { start: 1, end: 10 } }, '1', true],
    [{ rangeMatch: { start: 1, end: 10 } }, '10', false],
    [{ rangeMatch: { start: -5, end: 10 } }, '-5', true],
    [{ rangeMatch: { start: 1, end: 10 } }, '1.5', false],
    [{ rangeMatch: { start: 1, end: 10 } }, 'x', false],
    [{ rangeMatch: { start: 1, end: 10 }, invertMatch: true }, 'x', true],
  ];
  test.each(cases)('%j on %j is %j', (matcher, value, expected) => {
    const headers = headersOf(value === undefined ? {} : { [name]: value });
    expect(compileHeaderMatcher({ name: 'X-A', ...matcher }, 'm')(headers)).toBe(expected);
  });

  test('a matcher without a name is refused', () => {
    expect(() => compileHeaderMatcher({ exactMatch: 'a' }, 'headers[0]')).toThrow(/^headers\[0\]\.name/);
  });
});

describe('query parameters', () => {
  const cases: [Omit<envoy_config_route_v3_QueryParameterMatcher, 'name'>, string, boolean][] = [
    [{ stringMatch: { exact: '1' } }, '/p?a=1', true],
    [{ stringMatch: { exact: '1' } }, '/p?b=2&a=1#f', true],
    [{ stringMatch: { exact: '1' } }, '/p?a=2&a=1', false],
    [{ stringMatch: { exact: '' } }, '/p?a', true],
    [{}, '/p?a', true],
    [{ presentMatch: true }, '/p?ab=1', false],
    [{ presentMatch: false }, '/p', true],
    [{ stringMatch: { exact: '1' } }, '/p#?a=1', true],
  ];
  test.each(cases)('%j on %s is %j', (matcher, target, expected) => {
    expect(compileQueryMatcher({ name: 'a', ...matcher }, 'q')(target)).toBe(expected);
  });

  test('values are not percent-decoded', () => expect(queryParameter('/?a=%20', 'a')).toBe('%20'));
});

test('a path matcher leaves query and fragment out', () => {
  const matches = compilePathMatcher({ path: { exact: '/a' } }, 'p');
  expect(['/a', '/a?b', '/a#b', '/ab', '/a/'].map(matches)).toEqual([true, true, true, false, false]);
});

describe('CIDR', () => {
  const cases: [string, number, string, boolean][] = [
    ['10.0.0.0', 8, '10.255.1.2', true],
    ['10.0.0.0', 8, '11.0.0.0', false],
    ['10.1.2.3', 32, '10.1.2.3', true],
    ['10.1.2.3', 31, '10.1.2.2', true],
    ['10.1.2.4', 30, '10.1.2.8', false],
    ['0.0.0.0', 0, '1.2.3.4', true],
    ['0.0.0.0', 0, '::1', false],
    ['::', 0, '::1', true],
    ['fd00::', 8, 'fd12:3::1', true],
    ['fd00::', 8, 'fe80::1%eth0', false],
    ['127.0.0.1', 32, '::ffff:127.0.0.1', true],
    ['127.0.0.1', 32, 'nonsense', false],
  ];
  test.each(cases)('%s/%i contains %s: %j', (addressPrefix, prefix, address, expected) => {
    const cidr = compileCidr({ addressPrefix, prefixLen: { value: prefix } }, 'c');
    expect(cidr.contains(addressBytes(address))).toBe(expected);
  });

  test('IPv6 texts become their bytes', () => {
    expect(Buffer.from(addressBytes('1:2::8')!).toString('hex')).toBe('00010002000000000000000000000008');
    expect(Buffer.from(addressBytes('64:ff9b::1.2.3.4')!).toString('hex')).toBe(
      '0064ff9b000000000000000001020304',
    );
  });

  test.each([
    ['x', 8, /^c\.address_prefix: "x" is no IP address/],
    ['1.2.3.4', 33, /^c\.prefix_len: 33 is longer/],
  ] as const)('%s/%i is refused', (addressPrefix, value, message) => {
    expect(() => compileCidr({ addressPrefix, prefixLen: { value } }, 'c')).toThrow(message);
  });
});

describe('metadata matcher', () => {
  const metadata = (filter: string): unknown =>
    filter === 'jwt' ? { iss: 'a', groups: ['x', 'y'], deep: { n: 3, t: true, z: null } } : undefined;
  const cases: [Omit<envoy_type_matcher_v3_MetadataMatcher, 'filter' | 'path'>, string[], boolean][] = [
    [{ value: { stringMatch: { exact: 'a' } } }, ['iss'], true],
    [{ value: { stringMatch: { exact: 'a' } }, invert: true }, ['iss'], false],
    [{ value: { listMatch: { oneOf: { stringMatch: { exact: 'y' } } } } }, ['groups'], true],
    [{ value: { doubleMatch: { exact: 3 } } }, ['deep', 'n'], true],
    [{ value: { doubleMatch: { range: { start: 1, end: 3 } } } }, ['deep', 'n'], false],
    [{ value: { boolMatch: true } }, ['deep', 't'], true],
    [{ value: { nullMatch: {} } }, ['deep', 'z'], true],
    [{ value: { presentMatch: true } }, ['deep', 'no'], false],
    [{ value: { presentMatch: true } }, ['deep', 'toString'], false],
    [{ value: { presentMatch: true } }, ['iss', 'length'], false],
    [
      { value: { orMatch: { valueMatchers: [{ boolMatch: true }, { stringMatch: { prefix: 'a' } }] } } },
      ['iss'],
      true,
    ],
  ];
  test.each(cases)('%j at %j is %j', (matcher, path, expected) => {
    const compiled = compileMetadataMatcher(
      { filter: 'jwt', path: path.map((key) => ({ key })), ...matcher },
      'm',
    );
    expect(compiled(metadata)).toBe(expected);
  });
});

describe('substitution', () => {
  const cases: [string, string, string, string][] = [
    ['^/a/(.*)$', '/\\1', '/a/b', '/b'],
    ['(\\w+)@(\\w+)', '\\2.\\1', 'me@home', 'home.me'],
    ['o', '$0', 'foo', 'f$0$0'],
    ['(x)?b', '[\\1]', 'b', '[]'],
    ['a', '\\\\', 'aa', '\\\\'],
    ['b+', '<\\0>', 'abbc', 'a<bb>c'],
  ];
  test.each(cases)('%s → %s on %s gives %s', (regex, substitution, text, expected) => {
    expect(compileSubstitution({ pattern: { regex }, substitution }, 's')(text)).toBe(expected);
  });

  test.each(['\\2', '\\x', '\\'])('%s is refused', (substitution) => {
    expect(() => compileSubstitution({ pattern: { regex: '(a)' }, substitution }, 's')).toThrow(
      /^s\.substitution/,
    );
  });
});

test('fractions', () => {
  expect([
    fractionOf({ numerator: 25 }),
    fractionOf({ numerator: 5, denominator: 2 }),
    fractionOf(undefined),
  ]).toEqual([0.25, 0.000005, 0]);
});

test('a field that is set is refused by its path, a default is not', () => {
  const fields = ['someField', 'list', 'map'] as const;
  expect(() => refuseFields({ someField: 0, list: [], map: {} }, 'a', fields)).not.toThrow();
  expect(() => refuseFields({ someField: 1, list: [], map: {} }, 'a', fields)).toThrow(
    'a.some_field: is not supported',
  );
});
