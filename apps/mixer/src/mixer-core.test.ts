import { attribute, compressAttributes, MutableBag } from '@lateen/attributes';
import { type ConfigObject, decodeDocument, definitionOf, parseDocuments } from '@lateen/config-schema';
import { decode, encode, type istio_mixer_v1_CheckRequest } from '@lateen/protos';
import { insecureChannel, methods, RpcClient, RpcError, rpcStatus, type TlsIdentity } from '@lateen/rpc';
import { MetricsRegistry, silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMixerCore, type MixerCore } from './mixer-core.ts';

let core: MixerCore;
let client: RpcClient;
let lines: string[];

beforeEach(async () => {
  lines = [];
  const stream = { writableLength: 0, write: (text: string) => lines.push(text) > 0 };
  core = createMixerCore(
    {
      address: '127.0.0.1:0',
      plaintextAddress: '127.0.0.1:0',
      prometheusAddress: '127.0.0.1:0',
      monitoringAddress: '127.0.0.1:0',
      rootNamespace: 'istio-system',
    },
    {
      clock: systemClock,
      logger: silentLogger,
      metrics: new MetricsRegistry(),
      identity: new WatchValue<TlsIdentity | undefined>(undefined),
      stdout: stream,
      stderr: stream,
    },
  );
  await core.start();
  client = new RpcClient(`127.0.0.1:${core.plaintextPort}`, insecureChannel());
});

afterEach(async () => {
  client.close();
  await core.stop();
});

function apply(yaml: string): void {
  const collections = new Map<string, Map<string, ConfigObject>>();
  for (const document of parseDocuments(yaml).documents) {
    const { object, violations } = decodeDocument(document, { defaultNamespace: 'default' });
    if (!object) throw new Error(JSON.stringify(violations));
    const { collection } = definitionOf(object);
    const known = collections.get(collection) ?? new Map<string, ConfigObject>();
    known.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
    collections.set(collection, known);
  }
  core.apply(collections);
}

const inbound = (): MutableBag =>
  new MutableBag()
    .set('context.reporter.kind', attribute.string('inbound'))
    .set('destination.namespace', attribute.string('default'))
    .set('destination.labels', attribute.stringMap(new Map([['app', 'ratings']])))
    .set(
      'source.labels',
      attribute.stringMap(
        new Map([
          ['app', 'reviews'],
          ['version', 'v3'],
        ]),
      ),
    );

const check = (bag: MutableBag, more: istio_mixer_v1_CheckRequest = {}) =>
  client.unary(
    methods.mixerCheck,
    { attributes: compressAttributes(bag), globalWordCount: 222, ...more },
    { timeoutMs: 2000 },
  );

const denial = `
apiVersion: config.istio.io/v1alpha2
kind: denier
metadata: {name: nope}
spec:
  status: {code: 7, message: Not allowed}
---
apiVersion: config.istio.io/v1alpha2
kind: checknothing
metadata: {name: any}
spec:
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: deny-v3}
spec:
  match: destination.labels["app"] == "ratings" && source.labels["version"] == "v3"
  actions: [{handler: nope.denier, instances: [any.checknothing]}]
`;

test('before the first configuration nothing is answered, and it is not ready', async () => {
  await expect(check(inbound())).rejects.toMatchObject({ status: rpcStatus.UNAVAILABLE });
  const ready = () => fetch(`http://127.0.0.1:${core.monitoringPort}/healthz/ready`);
  expect((await ready()).status).toBe(503);
  core.apply(new Map());
  expect((await ready()).status).toBe(200);
  const { precondition } = await check(inbound());
  expect(precondition).toMatchObject({
    status: { code: 0 },
    validDuration: { seconds: 60 },
    validUseCount: 10_000,
  });
});

test('a denier refuses what its rule matches, with its name, its validity and what was read', async () => {
  apply(denial);
  const { precondition } = await check(inbound());
  expect(precondition?.status).toMatchObject({ code: 7, message: 'nope.denier.default:Not allowed' });
  expect(precondition?.validDuration?.seconds).toBe(5);
  expect(precondition?.validUseCount).toBe(1000);
  expect(precondition?.referencedAttributes?.attributeMatches).toHaveLength(4);
  const other = inbound().set('source.labels', attribute.stringMap(new Map([['version', 'v2']])));
  expect((await check(other)).precondition?.status?.code).toBe(0);
  const elsewhere = inbound().set('destination.namespace', attribute.string('other'));
  expect((await check(elsewhere)).precondition?.status?.code).toBe(0);
});

test('header operations ride on an answer that allows', async () => {
  apply(`
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: headers, namespace: istio-system}
spec:
  requestHeaderOperations: [{name: x-app, values: ['destination.labels["app"]', '""']}]
  responseHeaderOperations: [{name: server, operation: REMOVE}]
`);
  const { precondition } = await check(inbound());
  expect(precondition?.routeDirective).toMatchObject({
    requestHeaderOperations: [{ name: 'x-app', value: 'ratings' }],
    responseHeaderOperations: [{ name: 'server', operation: 1 }],
  });
});

const quota = (maxAmount: number) => `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: quotahandler, namespace: istio-system}
spec:
  compiledAdapter: memquota
  params: {quotas: [{name: requestcount.instance.istio-system, maxAmount: ${maxAmount}, validDuration: 60s}]}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: requestcount, namespace: istio-system}
spec:
  compiledTemplate: quota
  params: {dimensions: {source: 'source.labels["app"] | "unknown"'}}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: quota, namespace: istio-system}
spec:
  actions: [{handler: quotahandler, instances: [requestcount]}]
`;

test('a quota is granted until it is used up, once for retries, and outlives an unrelated change', async () => {
  apply(quota(2));
  let calls = 0;
  const ask = async (deduplicationId = `id-${calls++}`) => {
    const answer = await check(inbound(), { deduplicationId, quotas: { requestcount: { amount: 1 } } });
    return answer.quotas?.requestcount?.grantedAmount;
  };
  expect([await ask(), await ask('same'), await ask('same'), await ask()]).toEqual([1, 1, 1, 0]);
  apply(quota(2) + '---' + denial.replace('deny-v3', 'other').replace('"v3"', '"v9"'));
  expect(await ask()).toBe(0);
  apply(quota(3));
  expect(await ask()).toBe(1);
  const unknown = await check(inbound(), { quotas: { nobody: { amount: 7 } } });
  expect(unknown.quotas?.nobody).toMatchObject({ grantedAmount: 7, validDuration: { seconds: 60 } });
});

test('a reference to nothing drops its action alone', async () => {
  apply(`${denial}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: dangling}
spec:
  actions:
  - {handler: nobody, instances: [any.checknothing]}
  - {handler: nope.denier, instances: [any.checknothing]}
`);
  const { precondition } = await check(
    new MutableBag(inbound()).set('source.labels', attribute.stringMap(new Map())),
  );
  expect(precondition?.status?.code).toBe(7);
  const metrics = await fetch(`http://127.0.0.1:${core.monitoringPort}/metrics`);
  expect(await metrics.text()).toContain('mixer_config_problems 1');
});

const telemetry = `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: prometheus, namespace: istio-system}
spec:
  compiledAdapter: prometheus
  params:
    metrics:
    - {name: requests_total, instance_name: requestcount.instance.istio-system, kind: COUNTER, label_names: [code, app]}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: requestcount, namespace: istio-system}
spec:
  compiledTemplate: metric
  params:
    value: "1"
    dimensions: {code: response.code | 200, app: 'destination.labels["app"] | "unknown"'}
    monitored_resource_type: '"UNSPECIFIED"'
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: stdio, namespace: istio-system}
spec: {compiledAdapter: stdio, params: {outputAsJson: true}}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: accesslog, namespace: istio-system}
spec:
  compiledTemplate: logentry
  params: {severity: '"Info"', timestamp: request.time, variables: {path: request.path | ""}}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: telemetry, namespace: istio-system}
spec:
  match: context.protocol == "http"
  actions:
  - {handler: prometheus, instances: [requestcount]}
  - {handler: stdio, instances: [accesslog]}
`;

test('reports become metrics and log lines, delta encoded or not', async () => {
  apply(telemetry);
  const first = inbound()
    .set('context.protocol', attribute.string('http'))
    .set('request.time', attribute.timestamp({ seconds: 0, nanos: 5000 }))
    .set('request.path', attribute.string('/a'))
    .set('response.code', attribute.int64(404));
  const second = new MutableBag().set('request.path', attribute.string('/b'));
  const attributes = [compressAttributes(first), compressAttributes(second)];
  await client.unary(methods.mixerReport, { attributes, globalWordCount: 222 }, { timeoutMs: 2000 });
  const scrape = await fetch(`http://127.0.0.1:${core.prometheusPort}/metrics`);
  expect(await scrape.text()).toContain('istio_requests_total{app="ratings",code="404"} 2');
  expect(
    lines
      .join('')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    {
      level: 'info',
      time: '1970-01-01T00:00:00.000005Z',
      instance: 'accesslog.instance.istio-system',
      path: '/a',
    },
    {
      level: 'info',
      time: '1970-01-01T00:00:00.000005Z',
      instance: 'accesslog.instance.istio-system',
      path: '/b',
    },
  ]);
  await client.unary(
    methods.mixerReport,
    { attributes, globalWordCount: 222, repeatedAttributesSemantics: 1 },
    { timeoutMs: 2000 },
  );
  const again = await fetch(`http://127.0.0.1:${core.prometheusPort}/metrics`);
  expect(await again.text()).toContain('istio_requests_total{app="ratings",code="404"} 3');
});

describe('a caller that cannot be understood', () => {
  test.each([
    [
      'knows more words',
      { globalWordCount: 9999 },
      rpcStatus.INTERNAL,
      /mixer knows 222 words, caller knows 9999/,
    ],
    [
      'gives one attribute twice',
      { attributes: { strings: { 17: 83 }, int64s: { 17: 1 } } },
      rpcStatus.INVALID_ARGUMENT,
      /^Request could not be processed due to invalid attributes: duplicate attribute request\.path/,
    ],
  ])('%s', async (_what, request, status, message) => {
    core.apply(new Map());
    const failure = await client
      .unary(methods.mixerCheck, request, { timeoutMs: 2000 })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RpcError);
    expect(failure).toMatchObject({ status });
    expect((failure as RpcError).message).toMatch(message);
  });
});

test('bytes made by another implementation are answered', async () => {
  core.apply(new Map());
  // A Check for request.path from Go's encoder, with a quota that nobody knows.
  const hex = '0a071205082210a60110de011a0764656475702d3222140a0c52657175657374436f756e74120408051001';
  const request = decode('istio.mixer.v1.CheckRequest', Buffer.from(hex, 'hex'));
  const answer = await client.unary(methods.mixerCheck, request, { timeoutMs: 2000 });
  expect(answer.precondition?.status?.code).toBe(0);
  expect(answer.quotas?.RequestCount?.grantedAmount).toBe(5);
  expect(encode('istio.mixer.v1.CheckResponse', answer).length).toBeGreaterThan(0);
});
