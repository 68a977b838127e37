import { fromJson } from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import { type ConnectionFacts, compileFilterChains } from './filter-chains.ts';

const chainsOf = (matches: Record<string, object>, more: object = {}) =>
  compileFilterChains(
    fromJson('envoy.config.listener.v3.Listener', {
      name: 'l',
      filter_chains: Object.entries(matches).map(([name, filter_chain_match]) => ({
        name,
        filter_chain_match,
      })),
      ...more,
    }),
  );

const factsOf = (facts: Partial<ConnectionFacts>): ConnectionFacts => ({
  destination: { address: '10.0.0.1', port: 443 },
  directSource: '10.9.9.9',
  source: { address: '10.9.9.9', port: 5555 },
  serverName: '',
  transportProtocol: 'raw_buffer',
  applicationProtocols: [],
  ...facts,
});

const cidr = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });

function chosen(chains: ReturnType<typeof chainsOf>, facts: Partial<ConnectionFacts>): string {
  const choice = chains.choose(factsOf(facts));
  return choice.kind === 'none' ? 'none' : (choice.chain.name ?? '');
}

describe('each criterion takes the most specific group', () => {
  const cases: [string, Record<string, object>, Partial<ConnectionFacts>, string][] = [
    ['port', { p: { destination_port: 443 }, any: {} }, {}, 'p'],
    ['no port', { p: { destination_port: 80 }, any: {} }, {}, 'any'],
    [
      'longest destination prefix',
      {
        wide: { prefix_ranges: [cidr('10.0.0.0', 8)] },
        narrow: { prefix_ranges: [cidr('10.0.0.1', 32)] },
        any: {},
      },
      {},
      'narrow',
    ],
    [
      'IPv6 destination',
      { four: { prefix_ranges: [cidr('0.0.0.0', 0)] }, six: { prefix_ranges: [cidr('::', 0)] } },
      { destination: { address: 'fd00::1', port: 1 } },
      'six',
    ],
    [
      'exact name',
      { exact: { server_names: ['A.b.c'] }, wild: { server_names: ['*.b.c'] } },
      { serverName: 'a.b.c' },
      'exact',
    ],
    [
      'longest wildcard name',
      { wide: { server_names: ['*.c'] }, narrow: { server_names: ['*.b.c'] }, any: {} },
      { serverName: 'x.y.b.c' },
      'narrow',
    ],
    [
      'a wildcard needs a label',
      { wild: { server_names: ['*.b.c'] }, any: {} },
      { serverName: 'b.c' },
      'any',
    ],
    ['no name', { named: { server_names: ['a'] }, any: {} }, {}, 'any'],
    [
      'transport',
      { tls: { transport_protocol: 'tls' }, raw: { transport_protocol: 'raw_buffer' } },
      {},
      'raw',
    ],
    ['transport tls', { tls: { transport_protocol: 'tls' }, any: {} }, { transportProtocol: 'tls' }, 'tls'],
    [
      'first application protocol of the client',
      { h1: { application_protocols: ['http/1.1'] }, h2: { application_protocols: ['h2'] }, any: {} },
      { applicationProtocols: ['istio', 'h2', 'http/1.1'] },
      'h2',
    ],
    [
      'source type local',
      { local: { source_type: 'SAME_IP_OR_LOOPBACK' }, out: { source_type: 'EXTERNAL' }, any: {} },
      { source: { address: '127.0.0.1', port: 1 } },
      'local',
    ],
    [
      'source type by same address',
      { local: { source_type: 'SAME_IP_OR_LOOPBACK' }, any: {} },
      { source: { address: '10.0.0.1', port: 1 } },
      'local',
    ],
    [
      'source type external',
      { local: { source_type: 'SAME_IP_OR_LOOPBACK' }, out: { source_type: 'EXTERNAL' } },
      {},
      'out',
    ],
    [
      'source prefix and port',
      {
        prefix: { source_prefix_ranges: [cidr('10.9.0.0', 16)] },
        port: { source_prefix_ranges: [cidr('10.9.0.0', 16)], source_ports: [5555] },
      },
      {},
      'port',
    ],
    [
      'direct source',
      { direct: { direct_source_prefix_ranges: [cidr('10.9.9.0', 24)] }, any: {} },
      { source: { address: '8.8.8.8', port: 1 } },
      'direct',
    ],
  ];
  test.each(cases)('%s', (_, matches, facts, expected) =>
    expect(chosen(chainsOf(matches), facts)).toBe(expected),
  );
});

describe('the order of criteria is Envoy’s', () => {
  test('a port goes before everything, and there is no way back from it', () => {
    const chains = chainsOf({
      port: { destination_port: 443, server_names: ['a'] },
      name: { server_names: ['b'] },
    });
    expect(chosen(chains, { serverName: 'a' })).toBe('port');
    expect(chosen(chains, { serverName: 'b' })).toBe('none');
    expect(chosen(chains, { serverName: 'b', destination: { address: '10.0.0.1', port: 80 } })).toBe('name');
  });

  test('an address goes before a name', () => {
    const chains = chainsOf({
      address: { prefix_ranges: [cidr('10.0.0.1', 32)] },
      name: { server_names: ['a'] },
    });
    expect(chosen(chains, { serverName: 'a' })).toBe('address');
  });

  test('a name goes before transport, transport before application protocol', () => {
    const chains = chainsOf({
      name: { server_names: ['a'] },
      tls: { transport_protocol: 'tls' },
      h2: { application_protocols: ['h2'] },
    });
    const facts = { transportProtocol: 'tls', applicationProtocols: ['h2'] } as const;
    expect(chosen(chains, { ...facts, serverName: 'a' })).toBe('name');
    expect(chosen(chains, facts)).toBe('tls');
    expect(chosen(chains, { applicationProtocols: ['h2'] })).toBe('h2');
  });

  test('what matches nothing goes to the default chain', () => {
    const chains = chainsOf(
      { tls: { transport_protocol: 'tls' } },
      { default_filter_chain: { name: 'rest' } },
    );
    expect(chosen(chains, {})).toBe('rest');
    expect(chosen(chainsOf({}), {})).toBe('none');
  });
});

describe('refusals name the field', () => {
  const cases: [Record<string, object>, string][] = [
    [{ a: {}, b: {} }, 'filter_chains[1].filter_chain_match: matches the same connections'],
    [{ a: { server_names: ['x', 'y'] }, b: { server_names: ['Y'] } }, 'filter_chains[1].filter_chain_match'],
    [{ a: { server_names: ['a.*.b'] } }, 'filter_chains[0].filter_chain_match.server_names[0]: "a.*.b"'],
    [
      { a: { prefix_ranges: [cidr('x', 1)] } },
      'filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix',
    ],
    [{ a: { address_suffix: 'x' } }, 'filter_chains[0].filter_chain_match.address_suffix: is not supported'],
  ];
  test.each(cases)('%j', (matches, message) => expect(() => chainsOf(matches)).toThrow(message));
});
