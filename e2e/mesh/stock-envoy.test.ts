import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Workload, readWorkloads } from '@lateen/cli';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Figures } from './harness/figures.ts';
import { LoadClient } from './harness/load.ts';
import { bringUp, echoPlan, type WholeMesh } from './harness/whole-mesh.ts';
import { service } from './suites/traffic.ts';

const e2e = join(import.meta.dirname, '..');

describe('stock Envoy as one sidecar', () => {
  const figures = new Figures('stock Envoy');
  let mesh: WholeMesh;
  let edge: LoadClient;
  const envoySidecars = new Set(['reviews-v3', 'details-v1']);
  beforeAll(async () => {
    const envoy = execFileSync(process.execPath, [join(e2e, '../tools/envoy.mjs')], {
      encoding: 'utf8',
    }).trim();
    mesh = await bringUp('embedded');
    await mesh.applyFile('bookinfo/config/bookinfo.yaml');
    const plans = readWorkloads('bookinfo/workloads.yaml', e2e);
    await Promise.all(
      plans.map((plan) => mesh.run(envoySidecars.has(plan.name) ? { ...plan, proxyBinary: envoy } : plan)),
    );
    await mesh.run(echoPlan('ours'));
    await mesh.run({ ...echoPlan('theirs'), proxyBinary: envoy });
    await mesh.apply(`${service('ours')}---\n${service('theirs')}`);
    edge = new LoadClient();
  }, 120_000);
  afterAll(async () => {
    figures.print();
    edge?.close();
    await mesh?.stop();
  }, 60_000);

  const pages = (count: number) => edge.sendMany({ url: `${mesh.mesh.file.gateway}/productpage` }, count, 4);

  test('it runs on the agent’s own bootstrap and refuses nothing', async () => {
    const answer = await fetch(`${mesh.mesh.file.pilotDebug}/debug/syncz`, {
      headers: { authorization: `Bearer ${mesh.mesh.adminToken}` },
    });
    const proxies = (await answer.json()) as { proxy: string; nacks: unknown[] }[];
    figures.add('NACKs', `${proxies.flatMap(({ nacks }) => nacks).length} of ${proxies.length} proxies`);
    expect(proxies.flatMap(({ nacks }) => nacks)).toEqual([]);
    for (const name of [...envoySidecars, 'theirs']) {
      const found = proxies.find(({ proxy }) => proxy.includes(`~${name}-`));
      expect(found).toMatchObject({ cds: 'SYNCED', eds: 'SYNCED', lds: 'SYNCED' });
      const info = await fetch(`http://127.0.0.1:${admin(name)}/server_info`);
      expect(((await info.json()) as { version: string }).version).toMatch(/1\.40/);
    }
  });

  test('the page stays 200 with both kinds of sidecar in it, and a route change reaches Envoy’s callers', async () => {
    const before = await pages(50);
    await mesh.apply(route('v3'));
    const after = await pages(50);
    const served = after.answers.filter((answer) => answer.body.includes('Reviews served by: reviews-v3'));
    figures.add(
      'pages through Envoy sidecars',
      `${before.answers.length + after.answers.length}, ${before.failures.length + after.failures.length} failed`,
    );
    expect([...before.failures, ...after.failures]).toEqual([]);
    expect(served.length).toBe(50);
  });

  test('a route change reaches Envoy itself, under load', async () => {
    let stop = (): void => {};
    const load = edge.sendSteadily(
      { url: `${mesh.mesh.file.gateway}/productpage` },
      50,
      new Promise<void>((resolve) => (stop = resolve)),
    );
    const client = mesh.clientOf('theirs');
    const status = async (): Promise<number> => (await client.send({ url: 'http://ours:9080/' })).status;
    const before = await status();
    await mesh.apply(abort);
    const aborted = await status();
    await mesh.remove('virtualservices', 'ours');
    const after = await status();
    await mesh.applyFile('bookinfo/config/reviews-jason-v2.yaml');
    await mesh.apply(route('v3'));
    stop();
    const { answers, failures } = await load;
    figures.add('a route of Envoy’s own', `${before}, ${aborted} with an abort, ${after} without`);
    figures.add('pages during route changes', `${answers.length}, ${failures.length} failed`);
    expect([before, aborted, after]).toEqual([200, 418, 200]);
    expect(failures).toEqual([]);
  });

  test.each([
    ['our client, Envoy’s server', 'ours', 'theirs'],
    ['Envoy’s client, our server', 'theirs', 'ours'],
  ])('mTLS: %s', async (what, from, to) => {
    const answer = await mesh.clientOf(from).send({ url: `http://${to}:9080/` });
    const { headers } = JSON.parse(answer.body) as { headers: Record<string, string> };
    const caller = /URI=([^;,]*)/.exec(headers['x-forwarded-client-cert'] ?? '')?.[1];
    figures.add(`mTLS: ${what}`, caller ?? 'no XFCC');
    expect(caller).toBe(`spiffe://cluster.local/ns/default/sa/${from}`);
  });

  test('a sidecar that is taken out drains: no page fails', async () => {
    let stop = (): void => {};
    const load = edge.sendSteadily(
      { url: `${mesh.mesh.file.gateway}/productpage` },
      50,
      new Promise<void>((resolve) => (stop = resolve)),
    );
    await mesh.remove('virtualservices', 'reviews');
    await mesh.workloads.get('reviews-v3')!.stop();
    stop();
    const { answers, failures } = await load;
    figures.add('pages while Envoy is taken out', `${answers.length}, ${failures.length} failed`);
    expect(failures).toEqual([]);
  });

  function admin(name: string): number {
    return (mesh.workloads.get(name) as Workload).ports.admin;
  }
});

const route = (subset: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http: [{ route: [{ destination: { host: reviews, subset: ${subset} } }] }]
`;

const abort = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ours }
spec:
  hosts: [ours]
  http:
    - fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
      route: [{ destination: { host: ours } }]
`;
