import { describe, expect, test } from 'vitest';
import { decodeDocument, objectFromJson } from './decode-object.ts';
import { parseDocuments } from './document.ts';
import type { ConfigObject } from './object.ts';
import { formatViolation } from './violation.ts';

const decodeText = (text: string): { said: string[]; objects: ConfigObject[]; skipped: string[] } => {
  const { documents, violations } = parseDocuments(text, 'a.yaml');
  const decoded = documents.map((document) => decodeDocument(document));
  return {
    said: [...violations, ...decoded.flatMap((each) => each.violations)].map(formatViolation),
    objects: decoded.flatMap(({ object }) => (object ? [object] : [])),
    skipped: decoded.flatMap(({ skipped }) => (skipped ? [skipped.reason] : [])),
  };
};

const virtualService = (spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: a\nspec:\n${spec.replace(/^/gm, '  ')}\n`;
const route = 'http:\n- route: [{destination: {host: a}}]';

describe('the slips of the article', () => {
  test('a match that is a list item beside its name', () => {
    const { said, objects } = decodeText(
      virtualService(
        'hosts: [a]\nhttp:\n- name: one\n  - match:\n    - uri:\n        exact: /a\n    route:\n    - destination:\n        host: a',
      ),
    );
    expect(said[0]).toBe(
      'a.yaml:9:5: error: malformed YAML: expected another field of the mapping above, found the list item "- match:" (remove the dash before "match", or align it with the list it belongs to)',
    );
    expect(objects).toEqual([]);
  });

  test('an upper-case name', () => {
    const { said, objects } = decodeText(
      'apiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata:\n  name: hellowworld-DestinationRule\nspec:\n  host: a\n',
    );
    expect(said).toEqual([
      expect.stringMatching(
        /^a\.yaml:4:3: error: metadata\.name: .*did you mean "hellowworld-destinationrule"\?/,
      ),
    ]);
    expect(objects).toEqual([]);
  });
});

describe('every problem at once, with path and place', () => {
  test.each([
    [
      'an unknown field',
      'hosts: [a]\nhtpp: []',
      [/^a\.yaml:7:3: error: spec\.htpp: unknown field "htpp" \(did you mean "http"\?\)/],
    ],
    [
      'a wrong type',
      'hosts: a\nhttp:\n- route: [{destination: {host: 7}, weight: many}]',
      [
        /6:10: error: spec\.hosts: expected a list/,
        /spec\.http\[0\]\.route\[0\]\.destination\.host: expected text, found the number 7 .*"7" in quotes/,
        /spec\.http\[0\]\.route\[0\]\.weight: expected a whole number/,
      ],
    ],
    [
      'a number in quotes',
      'hosts: [a]\nhttp: [{route: [{destination: {host: a, port: {number: "80"}}}]}]',
      [/port\.number: .*write 80 without quotes/],
    ],
    [
      'an enum value',
      'hosts: [a]\nhttp: [{corsPolicy: {unmatchedPreflights: FOWARD}, route: [{destination: {host: a}}]}]',
      [/unmatchedPreflights: .*did you mean "FORWARD"/],
    ],
    [
      'two of a oneof',
      'hosts: [a]\nhttp: [{match: [{uri: {exact: /a, prefix: /b}}], route: [{destination: {host: a}}]}]',
      [/spec\.http\[0\]\.match\[0\]\.uri\.prefix: can't stand beside "exact"/],
    ],
    [
      'a duration without unit',
      'hosts: [a]\nhttp: [{timeout: 10, route: [{destination: {host: a}}]}]',
      [/timeout: expected a duration .*write 10s/],
    ],
    [
      'an endless duration',
      'hosts: [a]\nhttp: [{timeout: 999999999999h, route: [{destination: {host: a}}]}]',
      [/timeout: expected a duration/],
    ],
    [
      'a field in both spellings',
      `hosts: [a]\nexportTo: ["*"]\nexport_to: ["*"]\n${route}`,
      [/spec\.exportTo: given twice/],
    ],
    [
      'a null among hosts',
      `hosts: [a, null]\n${route}`,
      [/spec\.hosts\[1\]: expected a value, found nothing/],
    ],
  ])('%s', (_name, spec, expected) => {
    const { said, objects } = decodeText(virtualService(spec));
    expect(objects).toEqual([]);
    expect(said).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(said[index]).toMatch(pattern);
  });

  test('a deprecated field works and names its successor', () => {
    const { said, objects } = decodeText(
      virtualService('hosts: [a]\nhttp: [{mirrorPercent: 5, route: [{destination: {host: a}}]}]'),
    );
    expect(said).toEqual([
      expect.stringMatching(
        /warning: spec\.http\[0\]\.mirrorPercent: .*deprecated \(write mirrorPercentage\)/,
      ),
    ]);
    expect(objects).toMatchObject([{ spec: { http: [{ mirrorPercent: { value: 5 } }] } }]);
  });

  test('what is right decodes to a protobuf-shaped message', () => {
    const { objects } = decodeText(
      virtualService(
        `hosts: [a]\nhttp:\n- timeout: 1m30.5s\n  retries: {attempts: 2, retryRemoteLocalities: yes}\n  route: [{destination: {host: a}}]`,
      ),
    );
    expect(objects[0]).toMatchObject({
      metadata: { name: 'a', namespace: 'default' },
      position: { file: 'a.yaml', line: 1, column: 1 },
      spec: {
        http: [
          {
            timeout: { seconds: 90, nanos: 500_000_000 },
            retries: { retryRemoteLocalities: { value: true } },
          },
        ],
      },
    });
    const { spec } = objects[0] as ConfigObject<{ gateways: string[]; http: { fault?: unknown }[] }>;
    expect(spec.gateways).toEqual([]);
    expect(spec.http[0]?.fault).toBeUndefined();
  });
});

describe('kinds', () => {
  test.each([
    [
      'a misspelt kind',
      'networking.istio.io/v1',
      'VirtualServices',
      /^kind: .*did you mean "VirtualService"/,
    ],
    ['another case', 'config.istio.io/v1alpha2', 'Rule', /^kind: .*did you mean "rule"/],
    ['an unknown version', 'networking.istio.io/v2', 'Gateway', /^apiVersion: .*networking\.istio\.io\/v1/],
    [
      'a misspelt group',
      'networking.istio.oi/v1',
      'Gateway',
      /^apiVersion: .*did you mean "networking\.istio\.io"/,
    ],
    ['a misspelt core kind', 'v1', 'Servce', /^kind: .*did you mean "Service"/],
  ])('%s is refused', (_name, apiVersion, kind, expected) => {
    const { object, skipped, violations } = objectFromJson({ apiVersion, kind, metadata: { name: 'a' } });
    expect(object ?? skipped).toBeUndefined();
    expect(violations.map(({ path, message, hint }) => `${path}: ${message} ${hint}`)).toEqual([
      expect.stringMatching(expected),
    ]);
  });

  test.each([
    ['apps/v1', 'Deployment'],
    ['v1', 'ServiceAccount'],
    ['v1', 'Pod'],
    ['cert-manager.io/v1', 'Certificate'],
    ['networking.k8s.io/v1', 'Ingress'],
  ])('%s %s is skipped with a notice', (apiVersion, kind) => {
    const { skipped, violations } = objectFromJson({
      apiVersion,
      kind,
      metadata: { name: 'a', namespace: 'b' },
    });
    expect(skipped).toMatchObject({ kind, name: 'a', namespace: 'b' });
    expect(violations).toEqual([]);
  });

  test('a status is kept and never read', () => {
    const { object, violations } = objectFromJson({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a' },
      status: { phase: ['?'] },
    });
    expect(violations).toEqual([]);
    expect(object?.status).toEqual({ phase: ['?'] });
    expect(object?.metadata.namespace).toBe('');
  });

  test.each([
    null,
    7,
    'x',
    [],
    {},
    { apiVersion: 7, kind: [] },
    { apiVersion: 'v1', kind: 'Service' },
    { apiVersion: 'v1', kind: 'Service', metadata: 'x' },
  ])('JSON that is no object: %j', (json) => {
    const { object, violations } = objectFromJson(json);
    expect(object).toBeUndefined();
    expect(violations.length).toBeGreaterThan(0);
  });

  test('JSON deeper than anything honest is refused', () => {
    let json: unknown = 'x';
    for (let level = 0; level < 10_000; level++) json = [json];
    expect(objectFromJson(json).violations).toHaveLength(1);
  });
});

describe('metadata', () => {
  test.each([
    ['wildcards of a bus', { name: 'a.>', namespace: '*' }, ['metadata.name', 'metadata.namespace']],
    [
      'a bad label',
      { name: 'a', labels: { 'a b': 'c', d: 'e f' } },
      ['metadata.labels.d', 'metadata.labels["a b"]'],
    ],
    ['a number as label', { name: 'a', labels: { version: 1 } }, ['metadata.labels.version']],
    ['a misspelt field', { name: 'a', lables: {} }, ['metadata.lables']],
    ['no name', {}, ['metadata.name']],
    ['a long name', { name: 'a'.repeat(254) }, ['metadata.name']],
  ])('%s', (_name, metadata, expected) => {
    const { violations } = objectFromJson({
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata,
    });
    expect(violations.map(({ path }) => path).sort()).toEqual(expected);
  });

  test('keys of strangers are data', () => {
    const metadata = JSON.parse(
      '{"name": "a", "annotations": {"constructor": "x", "a/toString": "y"}}',
    ) as unknown;
    const { object } = objectFromJson({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: JSON.parse('{"constructor": "z"}') as unknown,
    });
    expect(Object.getPrototypeOf(object?.metadata.annotations)).toBeNull();
    expect(object?.metadata.annotations).toEqual({ constructor: 'x', 'a/toString': 'y' });
    expect((object as ConfigObject<{ data: { constructor: string } }>).spec.data.constructor).toBe('z');
  });
});

test('1000 VirtualServices decode within 2 s of CPU', () => {
  const one = virtualService(
    'hosts: [a]\nhttp:\n- match:\n  - uri: {prefix: /a}\n    headers: {end-user: {exact: jason}}\n  timeout: 1s\n  route:\n  - destination: {host: a, subset: v1}\n    weight: 80\n  - destination: {host: a, subset: v2}\n    weight: 20',
  );
  const text = Array.from({ length: 1000 }, () => one).join('---\n');
  const before = process.cpuUsage();
  const { objects } = decodeText(text);
  const { user, system } = process.cpuUsage(before);
  expect(objects).toHaveLength(1000);
  expect((user + system) / 1e6).toBeLessThan(2);
});
