import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Figures } from '../mesh/harness/figures.ts';
import { LoadClient } from '../mesh/harness/load.ts';
import { bringUp, echoPlan, type WholeMesh } from '../mesh/harness/whole-mesh.ts';

/** `npm test` runs the short form, `npm run resilience` the long one. Milliseconds. */
const durationMs = process.env.LATEEN_SOAK ? 10 * 60_000 : 30_000;
const seed = Number(process.env.LATEEN_SEED ?? 1);

/** mulberry32: the same seed, the same disasters. */
function seeded(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('nothing fails when a component dies, configuration changes and certificates rotate', () => {
  const figures = new Figures(`resilience (seed ${seed}, ${durationMs / 1000} s), distributed`);
  let mesh: WholeMesh;
  beforeAll(async () => {
    mesh = await bringUp('distributed', { environment: { DEFAULT_WORKLOAD_CERT_TTL: '20s' } });
    await mesh.runBookinfo();
    await mesh.run(echoPlan('steady-1', { app: 'steady' }));
    await mesh.apply(`apiVersion: v1
kind: Service
metadata: { name: steady }
spec: { ports: [{ port: 9080, name: http }], selector: { app: steady } }
`);
  }, 120_000);
  afterAll(async () => {
    figures.print();
    await mesh?.stop();
  }, 60_000);

  test(
    'under 200 requests a second',
    async () => {
      const random = seeded(seed);
      const deadline = performance.now() + durationMs;
      const counts = { kills: 0, applies: 0, scalings: 0 };
      const acknowledged = new Map<string, number>();
      const retrying = async (work: () => Promise<unknown>): Promise<boolean> => {
        // Between a kill and the recovery an apply may be refused: then it was not acknowledged.
        try {
          await work();
          return true;
        } catch {
          return false;
        }
      };
      const actions = [
        async () => {
          const names = ['nats', 'citadel', 'galley', 'mixer', 'pilot'];
          const name = names[Math.floor(random() * names.length)]!;
          const running = mesh.mesh.processes.get(name);
          const killed = running?.processId;
          if (killed === undefined) return;
          process.kill(killed, 'SIGKILL');
          counts.kills += 1;
        },
        async () => {
          const key = `route-${Math.floor(random() * 5)}`;
          const weight = 10 + Math.floor(random() * 80);
          const done = await retrying(() => mesh.apply(route(key, weight)));
          if (!done) return;
          acknowledged.set(key, weight);
          counts.applies += 1;
        },
        async () => {
          const name = `steady-${counts.scalings + 2}`;
          counts.scalings += 1;
          let workload: Awaited<ReturnType<WholeMesh['run']>> | undefined;
          await retrying(async () => {
            workload = await mesh.run(echoPlan(name, { app: 'steady' }));
          });
          await pause(500);
          await workload?.stop();
        },
      ];
      const driver = async (): Promise<void> => {
        while (performance.now() < deadline) {
          await actions[Math.floor(random() * actions.length)]!();
          await pause(200 + random() * 800);
        }
      };
      const driven = driver();
      const client = mesh.clientOf('productpage-v1');
      const edge = new LoadClient();
      const [inside, pages] = await Promise.all([
        client.sendSteadily({ url: 'http://steady:9080/' }, 180, driven),
        edge.sendSteadily({ url: `${mesh.mesh.file.gateway}/productpage` }, 20, driven),
      ]);
      edge.close();
      const certificates = mesh.rotations();
      figures.add('requests inside, failed', `${inside.answers.length}, ${inside.failures.length}`);
      figures.add('pages at the edge, failed', `${pages.answers.length}, ${pages.failures.length}`);
      figures.add(
        'kill -9, routes changed, scalings',
        `${counts.kills}, ${counts.applies}, ${counts.scalings}`,
      );
      figures.add('certificates received', String(certificates));
      const told = ({ failures }: typeof inside) =>
        failures.slice(0, 5).map(({ status, body, error }) => ({ status, body: body.slice(0, 200), error }));
      expect([told(inside), told(pages)]).toEqual([[], []]);
      expect(counts.kills).toBeGreaterThan(0);
      expect(certificates).toBeGreaterThan(20);
      for (const [key, weight] of acknowledged) {
        const stored = await mesh.mesh.galley.get(
          { apiVersion: 'networking.istio.io/v1', plural: 'virtualservices', namespaced: true },
          'default',
          key,
        );
        expect({ key, spec: JSON.stringify(stored?.spec) }).toMatchObject({
          spec: expect.stringContaining(`"weight":${weight}`),
        });
      }
    },
    durationMs + 60_000,
  );
});

const route = (name: string, weight: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${name === 'route-0' ? 'reviews' : `${name}.example.com`}]
  http:
    - route:
        - { destination: { host: reviews, subset: v1 }, weight: ${weight} }
        - { destination: { host: reviews, subset: v2 }, weight: ${100 - weight} }
`;
