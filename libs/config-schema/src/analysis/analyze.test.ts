import { describe, expect, test } from 'vitest';
import { decodeDocument } from '../decode-object.ts';
import { parseDocuments } from '../document.ts';
import { formatViolation } from '../violation.ts';
import { analyze } from './analyze.ts';

const service = (name: string, ...ports: number[]): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {ports: [${ports.map((port) => `{name: p${port}, port: ${port}}`).join(', ')}]}}`;
const networking = (kind: string, name: string, spec: string): string =>
  `{apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: {name: ${name}}, spec: ${spec}}`;
const server = (host: string, tls: string): string =>
  `{hosts: [${host}], port: {name: https, number: 443, protocol: HTTPS}, tls: ${tls}}`;
const to = (destination: string): string =>
  `{hosts: [a.b], http: [{route: [{destination: ${destination}}]}]}`;

function findings(...documents: string[]): string[] {
  const parsed = parseDocuments(documents.join('\n---\n'), 'a.yaml');
  const decoded = parsed.documents.map((document) => decodeDocument(document));
  const objects = decoded.flatMap(({ object }) => (object ? [object] : []));
  expect(objects).toHaveLength(documents.length);
  const found = analyze(objects, {
    locate: (object, path) => decoded.find((each) => each.object === object)?.locate?.(path),
  });
  return found.map((finding) => `${finding.code} ${finding.name} ${formatViolation(finding)}`);
}

describe('destinations', () => {
  test.each([
    ['a known one', [service('reviews', 9080), networking('VirtualService', 'v', to('{host: reviews}'))], []],
    [
      'one known to a ServiceEntry',
      [
        networking(
          'ServiceEntry',
          's',
          '{hosts: ["*.out.com"], ports: [{number: 80, name: http, protocol: HTTP}]}',
        ),
        networking('VirtualService', 'v', to('{host: api.out.com}')),
      ],
      [],
    ],
    [
      'a misspelt host',
      [service('reviews', 9080), networking('VirtualService', 'v', to('{host: review}'))],
      [
        /^IST0101 v a\.yaml:3:\d+: warning: \[\w+\] spec\.http\[0\]\.route\[0\]\.destination\.host: .*did you mean "reviews"/,
      ],
    ],
    [
      'a host of another namespace by its short name',
      [
        '{apiVersion: v1, kind: Service, metadata: {name: reviews, namespace: other}, spec: {ports: [{port: 80}]}}',
        networking('VirtualService', 'v', to('{host: reviews}')),
      ],
      [/^IST0101/],
    ],
    [
      'an unknown port',
      [
        service('reviews', 9080),
        networking('VirtualService', 'v', to('{host: reviews, port: {number: 80}}')),
      ],
      [/^IST0101 .*port\.number/],
    ],
    [
      'no port where there are two',
      [service('reviews', 80, 81), networking('VirtualService', 'v', to('{host: reviews}'))],
      [/^IST0112/],
    ],
    [
      'a known subset',
      [
        service('reviews', 80),
        networking('DestinationRule', 'd', '{host: reviews, subsets: [{name: v1}]}'),
        networking('VirtualService', 'v', to('{host: reviews.default.svc.cluster.local, subset: v1}')),
      ],
      [],
    ],
    [
      'an unknown subset',
      [
        service('reviews', 80),
        networking('DestinationRule', 'd', '{host: reviews, subsets: [{name: v1}]}'),
        networking('VirtualService', 'v', to('{host: reviews, subset: v9}')),
      ],
      [/^IST0101 v .*warning: .*\.subset: .*"v9"/],
    ],
  ])('%s', (_name, documents, expected) => {
    const found = findings(...documents);
    expect(found).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
  });
});

describe('gateways', () => {
  const gateway = (name: string): string =>
    networking(
      'Gateway',
      name,
      `{selector: {istio: ingressgateway}, servers: [${server('helloworld.example.com', '{mode: SIMPLE, credentialName: c}')}]}`,
    );
  const bound = (name: string): string =>
    networking(
      'VirtualService',
      'v',
      `{hosts: [helloworld.example.com], gateways: [${name}], http: [{redirect: {uri: /}}]}`,
    );

  test.each([
    ['a known one', gateway('gw'), bound('gw'), []],
    ['a known one by namespace', gateway('gw'), bound('default/gw'), []],
    [
      'the slip of the article',
      gateway('hellowworld-gateway-1'),
      bound('helloworld-gateway-1'),
      [
        /^IST0101 v a\.yaml:3:\d+: error: \[\w+\] spec\.gateways\[0\]: .*"helloworld-gateway-1" \(did you mean "hellowworld-gateway-1"\?\)/,
      ],
    ],
    [
      'a sibling that is yet to come',
      gateway('gateway-1'),
      bound('gateway-2'),
      [/^IST0101 v .*: warning: \[\w+\] spec\.gateways\[0\]/],
    ],
    ['one far from all', gateway('gw'), bound('something-else'), [/^IST0101 v .*: warning: /]],
  ])('%s', (_name, first, second, expected) => {
    // As in Istio, a gateway that doesn't exist has none of the hosts either.
    const found = findings(first, second).filter((line) => !line.startsWith('IST0132'));
    expect(found).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
  });

  test('a host that the gateway lacks', () => {
    expect(
      findings(
        gateway('gw'),
        networking(
          'VirtualService',
          'v',
          '{hosts: [other.example.com], gateways: [gw], http: [{redirect: {uri: /}}]}',
        ),
      ),
    ).toEqual([expect.stringMatching(/^IST0132 v .*spec\.gateways\[0\]/)]);
  });

  test('one host on one port with other TLS settings', () => {
    const other = networking(
      'Gateway',
      'b',
      `{selector: {istio: ingressgateway}, servers: [${server('helloworld.example.com', '{mode: MUTUAL, credentialName: d}')}]}`,
    );
    expect(findings(gateway('a'), other)).toEqual([
      expect.stringMatching(/^IST0145 a .*warning: .*TLS/),
      expect.stringMatching(/^IST0145 b /),
    ]);
  });
});

describe('hosts', () => {
  test('forgotten ones, unless another VirtualService delegates', () => {
    const orphan = networking('VirtualService', 'd', '{http: [{redirect: {uri: /}}]}');
    expect(findings(orphan)).toEqual([
      expect.stringMatching(/^LTN0001 d .*error: \[\w+\] spec\.hosts: at least one host is required/),
    ]);
    expect(
      findings(orphan, networking('VirtualService', 'root', '{hosts: [a.b], http: [{delegate: {name: d}}]}')),
    ).toEqual([]);
  });

  test('a delegate that nobody defines', () => {
    expect(
      findings(networking('VirtualService', 'root', '{hosts: [a.b], http: [{delegate: {name: d}}]}')),
    ).toEqual([expect.stringMatching(/^IST0101 root .*delegate/)]);
  });

  test('one in two VirtualServices of the mesh', () => {
    const one = (name: string): string =>
      networking('VirtualService', name, '{hosts: [a.b], http: [{redirect: {uri: /}}]}');
    expect(findings(one('x'), one('y'))).toEqual([
      expect.stringMatching(/^IST0109 x /),
      expect.stringMatching(/^IST0109 y /),
    ]);
  });
});

test('5000 objects with an unknown host each are analysed within 1 s of CPU', () => {
  const objects = Array.from({ length: 5000 }, (_, index) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: index % 2 === 0 ? 'VirtualService' : 'DestinationRule',
    metadata: { name: `n${index}`, namespace: 'default', labels: {}, annotations: {} },
    spec:
      index % 2 === 0
        ? {
            hosts: [`h${index}`],
            http: [{ route: [{ destination: { host: `unknown${index}`, subset: 'v1' } }] }],
          }
        : { host: `h${index}`, subsets: [{ name: 'v1' }] },
  }));
  const before = process.cpuUsage();
  expect(analyze(objects).length).toBe(5000);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(1);
});
