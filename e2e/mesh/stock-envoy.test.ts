import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Workload, readWorkloads } from '@lateen/cli';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Figures } from './harness/figures.ts';
import { LoadClient } from './harness/load.ts';
import { bringUp, type WholeMesh } from './harness/whole-mesh.ts';

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
    const proxies = (await answer.json()) as Record<string, string>[];
    for (const name of envoySidecars) {
      const found = proxies.find(({ proxy }) => proxy?.includes(`~${name}-`));
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

  test('mTLS both ways: our client to its server, its client to our server', async () => {
    const requests = async (name: string, side: string): Promise<number> => {
      const stats = await (await fetch(`http://127.0.0.1:${admin(name)}/stats?filter=ssl.handshake`)).text();
      return [...stats.matchAll(/^(\S+)\.ssl\.handshake: (\d+)$/gm)]
        .filter(([, scope]) => scope!.startsWith(side))
        .reduce((sum, [, , count]) => sum + Number(count), 0);
    };
    await pages(10);
    const inbound = await requests('reviews-v3', 'listener.');
    const outbound = await requests('reviews-v3', 'cluster.outbound|9080||ratings');
    figures.add('TLS handshakes of Envoy', `${inbound} accepted, ${outbound} made`);
    expect(inbound).toBeGreaterThan(0);
    expect(outbound).toBeGreaterThan(0);
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
