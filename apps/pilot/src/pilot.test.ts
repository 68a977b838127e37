import { createTemporaryFolder, createTestAuthority, type TemporaryFolder } from '@lateen/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSettings } from './index.ts';
import { type FakeProxy, PilotHarness } from './pilot-harness.fixture.ts';

const service = (name: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec:
  selector: { app: ${name} }
  ports: [{ name: http, port: 9080 }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-v1, namespace: default, labels: { app: ${name}, version: v1 } }
spec: { address: 127.0.0.1, labels: { app: ${name}, version: v1 }, ports: { http: 20001 }, serviceAccount: ${name} }
---`;

const subsets = (name: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: default }
spec: { host: ${name}, subsets: [{ name: v1, labels: { version: v1 } }] }
---`;

const route = (name: string, subset?: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${name}]
  http: [{ route: [{ destination: { host: ${name}${subset ? `, subset: ${subset}` : ''} } }] }]
---`;

const cluster = (name: string, subset = ''): string =>
  `outbound|9080|${subset}|${name}.default.svc.cluster.local`;

let folder: TemporaryFolder;
let mesh: PilotHarness;
beforeEach(async () => {
  folder = createTemporaryFolder();
  const { issue } = createTestAuthority({ nowMs: Date.now() });
  mesh = await PilotHarness.start({ folder: folder.path, issue });
});
afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const acked = (revision: number) => ({ revision, proxies: 2, acked: 2, nacks: [] });

async function twoProxies(): Promise<[FakeProxy, FakeProxy]> {
  return [mesh.connect('sleep', 'sotw'), mesh.connect('web', 'delta')];
}

describe('two proxies, one in each mode', () => {
  test('wait for the first configuration, get it, and count as acknowledged', async () => {
    const [sleep, web] = await twoProxies();
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject({ revision: 0, proxies: 2, acked: 0 });
    expect(await mesh.debug('/healthz/ready')).toMatchObject({ status: 503 });
    expect([...sleep.seen, ...web.seen]).toEqual([]);
    const revision = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(revision));
    for (const { seen } of [sleep, web]) {
      expect(seen).toContain(`cds ${cluster('reviews')}`);
      expect(seen).toContain(`eds ${cluster('reviews')}`);
      expect(seen.some((line) => line.startsWith('lds '))).toBe(true);
      expect(seen).toContain('rds 9080');
    }
    expect(await mesh.debug('/healthz/ready')).toMatchObject({ status: 200 });
    expect(mesh.pilot.revision).toBe(revision);
  });

  test('a new subset and the route to it: cluster and endpoints before the route, the removal after it', async () => {
    const proxies = await twoProxies();
    const first = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(first));
    for (const { seen } of proxies) seen.splice(0);
    const second = mesh.configure(service('reviews') + subsets('reviews') + route('reviews', 'v1'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(second));
    const subset = cluster('reviews', 'v1');
    for (const { seen } of proxies) {
      const order = seen.splice(0).filter((line) => line.endsWith(subset) || line.startsWith('rds'));
      expect(order).toEqual([`cds ${subset}`, `eds ${subset}`, 'rds 9080']);
    }
    const third = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(third));
    for (const { seen } of proxies) {
      const order = seen.filter((line) => line.endsWith(subset) || line.startsWith('rds'));
      expect(order.slice(0, 2)).toEqual(['rds 9080', `cds -${subset}`]);
    }
  });

  test('a change of endpoints is endpoints alone, and a revision that changes nothing is acknowledged', async () => {
    const proxies = await twoProxies();
    const first = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(first));
    for (const { seen } of proxies) seen.splice(0);
    const second = mesh.configure(service('reviews').replace('20001', '20002'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(second));
    for (const { seen } of proxies) expect(seen.splice(0)).toEqual([`eds ${cluster('reviews')}`]);
    const third = mesh.configure(service('reviews').replace('20001', '20002'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(third));
    for (const { seen } of proxies) expect(seen).toEqual([]);
  });

  test('a refusal is in the rollout, in syncz and in the metrics, and goes when the cause goes', async () => {
    const [sleep] = await twoProxies();
    const first = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(first));
    const bad = cluster('ratings');
    sleep.refuses.add(`cds ${bad}`);
    const second = mesh.configure(service('reviews') + service('ratings'));
    await expect
      .poll(() => mesh.rollouts.at(-1))
      .toMatchObject({ revision: second, proxies: 2, acked: 1, nacks: [{ type: 'cds' }] });
    expect(mesh.rollouts.at(-1)?.nacks[0]).toEqual({
      proxy: 'sidecar~127.0.0.1~sleep-1.default~default.svc.cluster.local',
      type: 'cds',
      message: `${bad}: refused by the test`,
    });
    const { body } = await mesh.debug('/debug/syncz');
    const states = body as { proxy: string; cds: string; nacks: { message: string }[] }[];
    expect(states.map(({ cds }) => cds).sort()).toEqual(['NACK', 'SYNCED']);
    expect(states.flatMap(({ nacks }) => nacks)[0]?.message).toContain('refused by the test');
    expect((await mesh.debug('/metrics')).body).toContain('pilot_total_xds_rejects{type="cds"} 1\n');
    const third = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(third));
  });

  test('without galley the last configuration is served, to those who reconnect too', async () => {
    const [sleep] = await twoProxies();
    const first = mesh.configure(service('reviews'));
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(first));
    await mesh.stopGalley();
    sleep.ads.stop();
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject({ proxies: 1, acked: 1 });
    const again = mesh.connect('sleep', 'delta');
    await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject(acked(first));
    expect(again.seen).toContain(`cds ${cluster('reviews')}`);
    await mesh.startGalley();
    const second = mesh.configure(service('reviews') + service('ratings'));
    await expect.poll(() => mesh.rollouts.at(-1), { timeout: 5000 }).toMatchObject(acked(second));
    expect(again.seen).toContain(`cds ${cluster('ratings')}`);
  });
});

test.each([
  { what: 'another service account', claim: { serviceAccount: 'ratings' } },
  { what: 'another namespace', claim: { namespace: 'istio-system' } },
  { what: 'no service account', claim: { serviceAccount: '' } },
])('a node that claims $what than its certificate is refused', async ({ claim }) => {
  mesh.configure(service('reviews'));
  const thief = mesh.connect('sleep', 'sotw', claim);
  await expect
    .poll(async () => (await mesh.debug('/metrics')).body)
    .toMatch(/pilot_xds_refused_claims [1-9]/);
  expect(thief.seen).toEqual([]);
  expect(thief.ads.connected.current).toBe(false);
});

test('the plain-text port asks for no certificate', async () => {
  const tool = mesh.connectPlaintext('tool');
  const revision = mesh.configure(service('reviews'));
  await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject({ revision, proxies: 1, acked: 1 });
  expect(tool.seen).toContain(`cds ${cluster('reviews')}`);
});

test('a galley that asks is told the rollout status again; a pilot that stops says that its proxies are gone', async () => {
  const revision = mesh.configure(service('reviews'));
  mesh.connect('sleep', 'delta');
  await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject({ revision, proxies: 1, acked: 1 });
  const before = mesh.rollouts.length;
  mesh.queryRollout();
  await expect.poll(() => mesh.rollouts.length).toBe(before + 1);
  expect(mesh.rollouts.at(-1)).toEqual(mesh.rollouts.at(-2));
  await mesh.pilot.stop();
  await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject({ proxies: 0 });
});

test('debug pages', async () => {
  expect(await mesh.debug('/debug/registryz')).toMatchObject({ status: 503 });
  const sleep = mesh.connect('sleep', 'delta');
  const revision = mesh.configure(service('reviews') + route('reviews'));
  await expect.poll(() => mesh.rollouts.at(-1)).toMatchObject({ revision, proxies: 1, acked: 1 });
  expect(sleep.ads.connected.current).toBe(true);
  const proxyID = 'sidecar~127.0.0.1~sleep-1.default~default.svc.cluster.local';
  const { body: dump } = await mesh.debug(`/debug/config_dump?proxyID=${encodeURIComponent(proxyID)}`);
  const {
    cluster: clusters,
    endpoint,
    listener,
    route: routes,
  } = dump as Record<string, { name?: string }[]>;
  expect(clusters?.map(({ name }) => name)).toContain(cluster('reviews'));
  expect(endpoint).toHaveLength(1);
  expect(listener?.length).toBeGreaterThan(0);
  expect(routes?.map(({ name }) => name)).toContain('9080');
  expect(await mesh.debug('/debug/config_dump?proxyID=nobody')).toMatchObject({ status: 404 });
  expect((await mesh.debug('/debug/adsz')).body).toMatchObject({
    totalClients: 1,
    clients: [{ mode: 'delta' }],
  });
  expect((await mesh.debug('/debug/registryz')).body).toMatchObject([
    { host: 'reviews.default.svc.cluster.local' },
  ]);
  expect((await mesh.debug('/debug/endpointz')).body).toEqual([
    { service: 'reviews.default.svc.cluster.local:http', endpoints: ['127.0.0.1:20001'] },
  ]);
  expect((await mesh.debug('/debug/configz')).body).toMatchObject({
    revision,
    objects: expect.arrayContaining([expect.objectContaining({ kind: 'VirtualService' })]),
  });
  expect((await mesh.debug('/metrics')).body).toMatch(/pilot_proxy_convergence_time_count [1-9]/);
  expect(await mesh.debug('/debug/syncz', { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 });
  expect(await mesh.debug('/debug/syncz', { origin: 'https://evil.example' })).toMatchObject({ status: 403 });
});

test('settings report every problem', () => {
  expect(() =>
    readSettings({ PILOT_ADDRESS: 'x', PILOT_PLAINTEXT_ADDRESS: '0.0.0.0:15010', PILOT_DEBOUNCE_MAX: '1ms' }),
  ).toThrow(/PILOT_ADDRESS: [^]*PILOT_PLAINTEXT_ADDRESS: plain text[^]*PILOT_DEBOUNCE_MAX: shorter/);
});
