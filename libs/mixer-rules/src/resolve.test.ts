import { attribute, MutableBag } from '@lateen/attributes';
import { type ConfigObject, decodeDocument, parseDocuments } from '@lateen/config-schema';
import { durationMs } from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import { dispatchCheck } from './dispatch/check.ts';
import { dispatchQuota } from './dispatch/quota.ts';
import { ReportSession } from './dispatch/report.ts';
import type { RulesInForce } from './dispatch/work.ts';
import { createDenier, denierType } from './handler/denier.ts';
import type { AdapterType, Handler } from './handler/handler.ts';
import { createList, listType } from './handler/list.ts';
import { findReference } from './names.ts';
import { type ResolvedRules, resolveRules } from './resolve.ts';
import { RuleTable } from './rule-table.ts';
import type { Instance } from './template/template.ts';

const recorder: AdapterType = {
  name: 'recorder',
  templates: ['metric', 'logentry', 'quota'],
  decode: () => ({ config: undefined }),
  accepts: (_config, instance) => (instance.startsWith('refused') ? 'not this one' : undefined),
};
const adapters = new Map<string, AdapterType>([
  ['denier', denierType],
  ['listchecker', listType],
  ['recorder', recorder],
]);

function resolve(yaml: string): ResolvedRules {
  const objects = new Map<string, ConfigObject<never>[]>();
  for (const document of parseDocuments(yaml).documents) {
    const { object, violations } = decodeDocument(document, { defaultNamespace: 'default' });
    if (!object) throw new Error(JSON.stringify(violations));
    objects.set(object.kind, [...(objects.get(object.kind) ?? []), object as ConfigObject<never>]);
  }
  return resolveRules(
    {
      manifests: objects.get('attributemanifest') ?? [],
      handlers: objects.get('handler') ?? [],
      instances: objects.get('instance') ?? [],
      rules: objects.get('rule') ?? [],
    },
    { adapters },
  );
}

function inForce(resolved: ResolvedRules, record: Instance[] = []): RulesInForce {
  const handlers = new Map<string, Handler>();
  for (const { name, adapter, config } of resolved.handlers.values()) {
    if (adapter === denierType) handlers.set(name, createDenier(config as object));
    else if (adapter === listType) handlers.set(name, createList(config as object));
    else {
      handlers.set(name, {
        report: (instances) => void record.push(...instances),
        quota: () => ({ amount: 3, validDurationMs: 100 }),
      });
    }
  }
  return { table: new RuleTable(resolved.rules, 'istio-system'), handlers };
}

const both = {
  old: `
apiVersion: config.istio.io/v1alpha2
kind: listchecker
metadata: {name: versions}
spec: {overrides: [v1, v2], blacklist: false, cachingInterval: 500ms}
---
apiVersion: config.istio.io/v1alpha2
kind: listentry
metadata: {name: version}
spec: {value: 'source.labels["version"]'}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: check-version}
spec:
  match: destination.labels["app"] == "ratings"
  actions: [{handler: versions.listchecker, instances: [version.listentry]}]
`,
  new: `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: versions}
spec: {compiledAdapter: listchecker, params: {overrides: [v1, v2], caching_interval: 500ms}}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: version}
spec: {compiledTemplate: listentry, params: {value: 'source.labels["version"]'}}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: check-version}
spec:
  match: destination.labels["app"] == "ratings"
  actions: [{handler: versions, instances: [version.instance.default]}]
`,
} as const;

const inbound = (version: string, namespace = 'default'): MutableBag =>
  new MutableBag()
    .set('context.reporter.kind', attribute.string('inbound'))
    .set('destination.namespace', attribute.string(namespace))
    .set('destination.labels', attribute.stringMap(new Map([['app', 'ratings']])))
    .set('source.labels', attribute.stringMap(new Map([['version', version]])));

describe.each(['old', 'new'] as const)('the %s spelling', (spelling) => {
  test('resolves, and a refusal names its handler, adapter and namespace', async () => {
    const resolved = resolve(both[spelling]);
    expect(resolved.problems).toEqual([]);
    const rules = inForce(resolved);
    expect((await dispatchCheck(rules, inbound('v1'))).status).toEqual({ code: 0, message: '' });
    const refused = await dispatchCheck(rules, inbound('v3'));
    expect(refused.status).toEqual({
      code: 7,
      message: 'versions.listchecker.default:v3 is not whitelisted',
    });
    expect(durationMs(refused.validDuration)).toBe(500);
    expect((await dispatchCheck(rules, inbound('v3', 'elsewhere'))).status?.code).toBe(0);
  });
});

test.each([
  ['a.handler.ns', 'full name'],
  ['a', 'name alone'],
  ['a.handler', 'name and kind'],
  ['a.ns', 'name and namespace'],
])('%s finds a handler by its %s', (reference) => {
  const known = new Map([['a.handler.ns', 1]]);
  expect(findReference(known, reference, { kind: 'handler', namespace: 'ns' })).toBe(1);
  const elsewhere = findReference(known, reference, { kind: 'handler', namespace: 'other' });
  expect(elsewhere).toBe(reference.endsWith('ns') ? 1 : undefined);
});

const parts = `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: deny}
spec: {compiledAdapter: denier}
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: record}
spec: {compiledAdapter: recorder}
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: broken}
spec: {compiledAdapter: listchecker, params: {overrides: ['('], entryType: REGEX}}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: any}
spec: {compiledTemplate: checknothing}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: count}
spec: {compiledTemplate: metric, params: {value: request.size | 0, dimensions: {code: response.code}}}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: wrong}
spec: {compiledTemplate: metric, params: {dimensions: {a: no.such.attribute}, extra: "1"}}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: refused}
spec: {compiledTemplate: quota}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: requests}
spec: {compiledTemplate: quota}
---
`;
const rule = (spec: string): string => `${parts}
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: r, namespace: default}
spec: ${spec}
`;

describe('what cannot work is named and left out', () => {
  test.each([
    [
      '{actions: [{handler: nobody, instances: [any]}]}',
      'spec.actions[0].handler',
      'there is no handler nobody',
      0,
    ],
    [
      '{actions: [{handler: broken, instances: [any]}]}',
      'spec.actions[0].handler',
      'handler broken has errors of its own',
      0,
    ],
    [
      '{actions: [{handler: deny, instances: [nothing, any]}]}',
      'spec.actions[0].instances[0]',
      'there is no instance nothing',
      1,
    ],
    [
      '{actions: [{handler: deny, instances: [count, any]}]}',
      'spec.actions[0].instances[0]',
      "adapter denier doesn't take instances of metric",
      1,
    ],
    [
      '{actions: [{handler: record, instances: [wrong, count]}]}',
      'spec.actions[0].instances[0]',
      'instance wrong has errors of its own',
      1,
    ],
    [
      '{actions: [{handler: record, instances: [refused, count]}]}',
      'spec.actions[0].instances[0]',
      'not this one',
      1,
    ],
    [
      '{match: request.size, actions: [{handler: deny, instances: [any]}]}',
      'spec.match',
      'expected an expression of type BOOL, found INT64',
      0,
    ],
    [
      '{match: nobody == 1, actions: [{handler: deny, instances: [any]}]}',
      'spec.match',
      'unknown attribute nobody',
      0,
    ],
    [
      '{requestHeaderOperations: [{name: a, values: [request.size]}, {name: b, values: [request.path]}]}',
      'spec.requestHeaderOperations[0].values[0]',
      'expected an expression of type STRING, found INT64',
      1,
    ],
  ])('%s', (spec, path, message, rules) => {
    const resolved = resolve(rule(spec));
    expect(resolved.problems).toContainEqual({ object: 'rule default/r', path, message });
    expect(resolved.rules).toHaveLength(rules);
  });

  test('parameters are judged field by field', () => {
    const { problems } = resolve(parts);
    expect(problems).toEqual([
      {
        object: 'handler default/broken',
        path: 'spec.params.overrides',
        message: expect.stringContaining('( is no regular expression'),
      },
      {
        object: 'instance default/wrong',
        path: 'spec.params.value',
        message: 'template metric needs this field',
      },
      {
        object: 'instance default/wrong',
        path: 'spec.params.dimensions.a',
        message: 'unknown attribute no.such.attribute',
      },
      {
        object: 'instance default/wrong',
        path: 'spec.params.extra',
        message: 'template metric has no field extra',
      },
    ]);
  });
});

test('a report gathers instances per handler and leaves out one without a value', async () => {
  const record: Instance[] = [];
  const failures: string[] = [];
  const rules = {
    ...inForce(resolve(rule('{actions: [{handler: record, instances: [count]}]}')), record),
    failed: (_rule: string, message: string) => failures.push(message),
  };
  const session = new ReportSession(rules);
  session.add(inbound('v1').set('response.code', attribute.int64(200)));
  session.add(inbound('v1'));
  session.add(inbound('v1').set('response.code', attribute.int64(404)));
  await session.flush();
  expect(record.map((instance) => instance.maps.get('dimensions')?.get('code'))).toEqual([
    { type: 'INT64', value: 200 },
    { type: 'INT64', value: 404 },
  ]);
  expect(failures).toEqual([
    "failed to evaluate expression for field 'dimensions[code]' of count.instance.default: lookup failed: 'response.code'",
  ]);
});

test.each([
  ['requests', 3, false],
  ['requests.instance.default', 3, false],
  ['others', 8, true],
])('quota %s is granted %i', async (quota, amount, unknown) => {
  const rules = inForce(resolve(rule('{actions: [{handler: record, instances: [requests]}]}')));
  const request = { quota, amount: 8, bestEffort: true, deduplicationId: '' };
  expect(await dispatchQuota(rules, inbound('v1'), request)).toMatchObject({ amount, unknown });
});

test('a handler that fails fails the check: nothing may be concluded', async () => {
  const resolved = resolve(rule('{actions: [{handler: deny, instances: [any]}]}'));
  const handlers = new Map<string, Handler>([
    [
      'deny.handler.default',
      {
        check() {
          throw new Error('broken');
        },
      },
    ],
  ]);
  const rules = { table: new RuleTable(resolved.rules, 'istio-system'), handlers };
  await expect(dispatchCheck(rules, inbound('v1'))).rejects.toThrow('1 error occurred: broken');
});

test('a text field takes an address as it reads', async () => {
  const resolved = resolve(
    both.new
      .replace('source.labels["version"]', 'source.ip | ip("0.0.0.0")')
      .replace('[v1, v2]', '[10.0.0.0/8], entry_type: IP_ADDRESSES'),
  );
  expect(resolved.problems).toEqual([]);
  const rules = inForce(resolved);
  const from = async (...bytes: number[]) =>
    (await dispatchCheck(rules, inbound('v1').set('source.ip', attribute.bytes(Uint8Array.from(bytes)))))
      .status;
  expect(await from(10, 1, 2, 3)).toMatchObject({ code: 0 });
  expect(await from(11, 1, 2, 3)).toMatchObject({
    code: 7,
    message: expect.stringContaining('11.1.2.3 is not whitelisted'),
  });
});
