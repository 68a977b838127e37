import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attribute, compressAttributes, MutableBag } from '@lateen/attributes';
import { decode } from '@lateen/protos';
import { insecureChannel, methods, RpcClient } from '@lateen/rpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterTallies } from './mixer/adapters.ts';
import { clientTallies } from './mixer/client.ts';
import { configurationTallies } from './mixer/configuration.ts';
import { corporaPresent, type Row, rows } from './mixer/corpus.ts';
import { expressionTallies } from './mixer/expression.ts';
import { type RunningMixer, startMixer } from './mixer/running-mixer.ts';
import { runtimeTallies } from './mixer/runtime.ts';
import { wireTallies } from './mixer/wire.ts';

const tallies = {
  ...expressionTallies,
  ...wireTallies,
  ...runtimeTallies,
  ...adapterTallies,
  ...clientTallies,
  ...configurationTallies,
};

function floors(): Record<string, number> {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    mixer?: Record<string, number>;
  };
  return all.mixer ?? {};
}

if (!corporaPresent)
  process.stderr.write('conformance/mixer: the corpora are absent, its cases are not run\n');

describe.runIf(corporaPresent)('Istio Mixer cases', () => {
  test.each(Object.keys(tallies))('%s', async (folder) => {
    const { passed, failures } = await tallies[folder]!();
    if (process.env.LATEEN_CONFORMANCE_SHOW)
      process.stderr.write(`${folder}: ${passed}\n  ${failures.join('\n  ')}\n`);
    expect(passed, failures.slice(0, 20).join('\n')).toBeGreaterThanOrEqual(floors()[folder] ?? 0);
  });
});

describe('a running mixer', () => {
  let running: RunningMixer;
  beforeAll(async () => {
    running = await startMixer();
    await running.apply(`
apiVersion: config.istio.io/v1alpha2
kind: denier
metadata: {name: denyall, namespace: default}
spec: {status: {code: 7, message: Not allowed}}
---
apiVersion: config.istio.io/v1alpha2
kind: checknothing
metadata: {name: any, namespace: default}
spec: {}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: deny, namespace: default}
spec:
  match: source.principal == "cluster.local/ns/default/sa/reviews"
  actions: [{handler: denyall.denier, instances: [any.checknothing]}]
`);
  });
  afterAll(() => running.stop());

  test('judges a caller with a certificate by rules that came over MCP', async () => {
    const bag = new MutableBag()
      .set('context.reporter.kind', attribute.string('inbound'))
      .set('destination.namespace', attribute.string('default'))
      .set('source.principal', attribute.string('cluster.local/ns/default/sa/reviews'));
    const check = () =>
      running.client.unary(
        methods.mixerCheck,
        { attributes: compressAttributes(bag), globalWordCount: 222 },
        { timeoutMs: 2000 },
      );
    expect((await check()).precondition?.status).toMatchObject({
      code: 7,
      message: 'denyall.denier.default:Not allowed',
    });
    bag.set('source.principal', attribute.string('cluster.local/ns/default/sa/ratings'));
    expect((await check()).precondition?.status?.code).toBe(0);
  });

  test('knows the labels of both ends by their WorkloadEntries', async () => {
    const entry = (name: string, labels: string): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: default}
spec: {address: 127.0.0.1, serviceAccount: reviews, labels: ${labels}}
---`;
    await running.apply(`${entry('ratings-1', '{app: ratings}')}${entry('reviews-3', '{app: reviews, version: v3}')}
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {name: denyreviewsv3handler, namespace: default}
spec: {compiledAdapter: denier, params: {status: {code: 7, message: Not allowed}}}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {name: denyreviewsv3request, namespace: default}
spec: {compiledTemplate: checknothing}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {name: denyreviewsv3, namespace: default}
spec:
  match: destination.labels["app"] == "ratings" && source.labels["app"]=="reviews" && source.labels["version"] == "v3"
  actions: [{handler: denyreviewsv3handler, instances: [denyreviewsv3request]}]
`);
    const bag = new MutableBag()
      .set('context.reporter.kind', attribute.string('inbound'))
      .set('destination.uid', attribute.string('kubernetes://ratings-1.default'))
      .set('source.uid', attribute.string('kubernetes://reviews-3.default'))
      .set('source.principal', attribute.string('cluster.local/ns/default/sa/reviews'));
    const answer = await running.client.unary(
      methods.mixerCheck,
      { attributes: compressAttributes(bag), globalWordCount: 222 },
      { timeoutMs: 2000 },
    );
    expect(answer.precondition?.status?.message).toBe('denyreviewsv3handler.denier.default:Not allowed');
  });

  test('refuses a caller without one', async () => {
    const plain = new RpcClient(`127.0.0.1:${running.mixer.port}`, insecureChannel());
    await expect(plain.unary(methods.mixerCheck, {}, { timeoutMs: 2000 })).rejects.toThrow();
    plain.close();
  });

  test.runIf(corporaPresent)("answers Go's own bytes", async () => {
    const vectors = rows<Row>('mixer-wire/wire-vectors.json').filter(
      ({ message }) => message === 'istio.mixer.v1.CheckRequest',
    );
    expect(vectors.length).toBeGreaterThan(2);
    for (const { hex } of vectors) {
      const request = decode('istio.mixer.v1.CheckRequest', Buffer.from(hex as string, 'hex'));
      const { precondition, quotas = {} } = await running.client.unary(methods.mixerCheck, request, {
        timeoutMs: 2000,
      });
      expect(precondition?.status?.code).toBe(0);
      expect(Object.keys(quotas)).toEqual(Object.keys(request.quotas ?? {}));
    }
  });
});
