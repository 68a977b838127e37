import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { objectFromJson } from './decode-object.ts';
import { fromMcpResource, toMcpResource } from './mcp-resource.ts';
import type { ConfigObject } from './object.ts';
import { legacySpelling, objectToJson, objectToYaml } from './object-json.ts';
import { kinds, preferredApiVersion } from './registry.ts';

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function decoded(json: object): ConfigObject {
  const { object, violations } = objectFromJson(json);
  if (!object) throw new Error(JSON.stringify(violations));
  return object;
}

const documents: readonly { apiVersion: string; kind: string; metadata: object; [field: string]: unknown }[] =
  [
    {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'VirtualService',
      metadata: {
        name: 'a',
        namespace: 'b',
        labels: { c: 'd' },
        annotations: { e: 'f' },
        creationTimestamp: '2024-01-31T12:00:00Z',
        resourceVersion: '7',
      },
      spec: {
        hosts: ['a'],
        http: [
          {
            match: [{ uri: { exact: '' }, headers: { 'end-user': { exact: 'jason' } } }],
            route: [{ destination: { host: 'a', port: { number: 80 } }, weight: 100 }],
            fault: { delay: { fixedDelay: '7s', percentage: { value: 0.5 } } },
            timeout: '0.15s',
            retries: { attempts: 3, retryRemoteLocalities: false },
          },
        ],
      },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'a', namespace: 'b' },
      spec: {
        host: 'a',
        trafficPolicy: {
          loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 65537 } } },
          tls: { mode: 'ISTIO_MUTUAL' },
        },
      },
    },
    {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      metadata: { name: 'a', namespace: 'b' },
      spec: {
        configPatches: [
          { applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: { a: [1, 'x', null, { b: true }] } } },
        ],
      },
    },
    {
      apiVersion: 'config.istio.io/v1alpha2',
      kind: 'handler',
      metadata: { name: 'a', namespace: 'b' },
      spec: { compiledAdapter: 'denier', params: { status: { code: 7, message: 'no' } } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a', namespace: 'b' },
      spec: {
        selector: { app: 'a' },
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'tcp', port: 81, targetPort: 8080 },
        ],
      },
    },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { b: 'c' } }, spec: {} },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'b' },
      data: { mesh: 'x: 1\n' },
      binaryData: { c: 'AAE=' },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'a', namespace: 'b' },
      data: { 'tls.crt': 'AAE=', 'tls.key': 'AAE=' },
      type: 'kubernetes.io/tls',
    },
  ];

describe.each(documents)('$kind', (document) => {
  const object = decoded(document);

  test('becomes the JSON it came from', () => {
    expect(plain(objectToJson(object))).toEqual(document);
  });

  test('becomes YAML that reads back', () => {
    expect(parse(objectToYaml(object))).toEqual(document);
  });

  test('travels as an MCP resource', () => {
    const { collection } = kinds.find(({ kind }) => kind === document.kind) ?? { collection: '' };
    const resource = toMcpResource(object);
    expect(resource.metadata?.name).toBe(`${object.metadata.namespace}/a`);
    expect(plain(objectToJson(fromMcpResource(collection, resource)))).toEqual(plain(objectToJson(object)));
  });
});

test.each([
  ['an unknown collection', 'a/b', 'ns/a', /the collection is unknown/],
  ['a name without namespace', 'k8s/core/v1/services', 'a', /namespace\/name/],
  ['another body', 'k8s/core/v1/secrets', 'ns/a', /expected a body/],
])('an MCP resource with %s is refused', (_name, collection, name, expected) => {
  const service = toMcpResource(
    decoded({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } }),
  );
  expect(() => fromMcpResource(collection, { ...service, metadata: { ...service.metadata, name } })).toThrow(
    expected,
  );
});

describe('the spelling before Istio 1.1', () => {
  test.each([
    [
      'denier',
      { status: { code: 7 } },
      'handler',
      { compiledAdapter: 'denier', params: { status: { code: 7 } } },
    ],
    ['metric', { value: '1' }, 'instance', { compiledTemplate: 'metric', params: { value: '1' } }],
    [
      'kubernetes',
      { source_uid: 'x', attribute_bindings: { 'source.ip': '$out.source_ip' } },
      'instance',
      {
        compiledTemplate: 'kubernetes',
        params: { source_uid: 'x' },
        attributeBindings: { 'source.ip': '$out.source_ip' },
      },
    ],
  ])('%s', (kind, params, today, spec) => {
    const { object, violations } = objectFromJson({
      apiVersion: 'config.istio.io/v1alpha2',
      kind,
      metadata: { name: 'a', namespace: 'b' },
      spec: params,
    });
    expect(violations).toMatchObject([{ severity: 'warning', path: 'kind' }]);
    expect(object).toMatchObject({ kind: today, metadata: { name: `a.${kind}` } });
    expect(plain(objectToJson(object as ConfigObject))).toMatchObject({ spec });
    const old = legacySpelling(object as ConfigObject);
    expect(plain(old)).toMatchObject({ kind, metadata: { name: 'a', namespace: 'b' } });
    expect(plain(objectToJson(decoded(old as object)))).toEqual(plain(objectToJson(object as ConfigObject)));
  });

  test('another object has none', () => {
    expect(legacySpelling(decoded(documents[0] as object))).toBeUndefined();
  });
});

test('every kind has a collection, a plural and a preferred version of its own', () => {
  for (const field of ['collection'] as const)
    expect(new Set(kinds.map((kind) => kind[field])).size).toBe(kinds.length);
  expect(new Set(kinds.map((kind) => `${kind.group}/${kind.plural}`)).size).toBe(kinds.length);
  expect(kinds.map(preferredApiVersion)).not.toContain('');
});
