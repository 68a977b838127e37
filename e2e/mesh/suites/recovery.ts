import { describe, expect, test } from 'vitest';
import type { Figures } from '../harness/figures.ts';
import type { WholeMesh } from '../harness/whole-mesh.ts';

/** Kill -9 of each process of the control plane, under load: traffic goes on, nothing acknowledged is lost. */
export function describeRecovery(get: () => WholeMesh, figures: Figures): void {
  describe('recovery', () => {
    const names = (): string[] =>
      [...get().mesh.processes.keys()].filter((name) => name !== 'ingress-gateway');

    test('each control-plane process is killed in turn', async () => {
      const client = get().clientOf('productpage-v1');
      const outcomes: string[] = [];
      for (const name of names()) {
        const { applied } = await get().apply(route('v3', name));
        const kill = async (): Promise<void> => {
          const running = get().mesh.processes.get(name)!;
          const killed = running.processId!;
          process.kill(killed, 'SIGKILL');
          await until(async () => running.processId !== undefined && running.processId !== killed);
          // It has recovered when the whole way from an apply to every proxy works again.
          await until(async () => {
            await get().apply(route('v2', name));
            return true;
          });
        };
        const result = await client.sendSteadily({ url: 'http://reviews:9080/reviews/0' }, 100, kill());
        const stored = await get().mesh.galley.get(
          { apiVersion: 'networking.istio.io/v1', plural: 'virtualservices', namespaced: true },
          'default',
          'reviews',
        );
        outcomes.push(`${name} ${result.failures.length}/${result.answers.length}`);
        expect({ name, failures: result.failures.slice(0, 3) }).toEqual({ name, failures: [] });
        expect(Number(stored?.metadata.resourceVersion)).toBeGreaterThan(applied.revision - 1);
        expect(JSON.stringify(stored?.spec)).toContain('v2');
      }
      await get().remove('virtualservices', 'reviews');
      figures.add('kill -9 at 100 req/s, failed', outcomes.join(', '));
    }, 120_000);
  });
}

const route = (subset: string, marker: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, annotations: { killed: ${marker} } }
spec:
  hosts: [reviews]
  http: [{ route: [{ destination: { host: reviews, subset: ${subset} } }] }]
`;

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 25_000;
  for (;;) {
    try {
      if (await done()) return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw new Error('not recovered within 25 s');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
