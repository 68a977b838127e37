import { beforeAll, describe, expect, test } from 'vitest';
import type { Figures } from '../harness/figures.ts';
import type { LoadClient } from '../harness/load.ts';
import type { WholeMesh } from '../harness/whole-mesh.ts';

const denier = `apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: denyhandler }
spec:
  compiledAdapter: denier
  params: { status: { code: 7, message: Not allowed here } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: denyrequest }
spec: { compiledTemplate: checknothing }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: denyratings }
spec:
  match: destination.labels["app"] == "ratings" && request.headers["x-deny"] == "yes"
  actions: [{ handler: denyhandler, instances: [denyrequest] }]
`;

const quota = `apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: quotahandler }
spec:
  compiledAdapter: memquota
  params:
    quotas:
      - name: requestcountquota.instance.default
        maxAmount: 5
        validDuration: 60s
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: requestcountquota }
spec:
  compiledTemplate: quota
  params:
    dimensions:
      destination: destination.labels["app"] | "unknown"
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpec
metadata: { name: request-count }
spec:
  rules: [{ quotas: [{ charge: 1, quota: requestcountquota }] }]
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpecBinding
metadata: { name: request-count }
spec:
  quotaSpecs: [{ name: request-count, namespace: default }]
  services: [{ name: details, namespace: default }]
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: quota }
spec:
  actions: [{ handler: quotahandler, instances: [requestcountquota] }]
`;

/** Mixer: denial with the handler's message, quota, and reports of both sides. */
export function describePolicy(get: () => WholeMesh, figures: Figures): void {
  describe('policy and telemetry', () => {
    let client: LoadClient;
    beforeAll(() => {
      client = get().clientOf('productpage-v1');
    });

    test('a denier answers 403 with the handler’s message', async () => {
      await get().apply(denier);
      const denied = await client.send({
        url: 'http://ratings:9080/ratings/0',
        headers: { 'x-deny': 'yes' },
      });
      const allowed = await client.send({ url: 'http://ratings:9080/ratings/0' });
      for (const [plural, name] of [
        ['rules', 'denyratings'],
        ['handlers', 'denyhandler'],
        ['instances', 'denyrequest'],
      ]) {
        await get().remove(plural!, name!);
      }
      const after = await client.send({ url: 'http://ratings:9080/ratings/0', headers: { 'x-deny': 'yes' } });
      figures.add('Mixer denier', `${denied.status} "${denied.body}"`);
      expect([denied.status, allowed.status, after.status]).toEqual([403, 200, 200]);
      expect(denied.body).toContain('denyhandler.denier.default:Not allowed here');
    });

    test('memquota answers 429 when it is spent', async () => {
      await get().apply(quota);
      const result = await client.sendMany({ url: 'http://details:9080/details/0' }, 20, 1);
      for (const [plural, name] of [
        ['rules', 'quota'],
        ['quotaspecbindings', 'request-count'],
        ['quotaspecs', 'request-count'],
        ['handlers', 'quotahandler'],
        ['instances', 'requestcountquota'],
      ]) {
        await get().remove(plural!, name!);
      }
      const after = await client.send({ url: 'http://details:9080/details/0' });
      figures.add(
        'Mixer memquota of 5',
        `${result.statuses.get(200) ?? 0} passed, ${result.statuses.get(429) ?? 0} refused with 429 of 20`,
      );
      expect(new Set(result.statuses.keys())).toEqual(new Set([200, 429]));
      expect(result.statuses.get(200)).toBe(5);
      expect(after.status).toBe(200);
    });

    test('both sides of one request are reported', async () => {
      await get().applyFile('bookinfo/config/telemetry.yaml');
      const id = `e2e-${Math.random().toString(36).slice(2)}`;
      await client.send({ url: 'http://details:9080/details/0', headers: { 'x-request-id': id } });
      const reports = await untilReported(get(), id, 2);
      const kinds = reports.map((line) => /"reporter":"(\w+)"/.exec(line)?.[1] ?? '').toSorted();
      figures.add('Mixer reports of one request', kinds.join(' and '));
      expect(kinds).toEqual(['inbound', 'outbound']);
    });
  });
}

async function untilReported(mesh: WholeMesh, id: string, wanted: number): Promise<string[]> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const found = mesh.lines.filter((line) => line.includes(id) && line.includes('"reporter"'));
    if (found.length >= wanted || performance.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
