import { beforeAll, describe, expect, test } from 'vitest';
import type { Figures } from '../harness/figures.ts';
import { LoadClient } from '../harness/load.ts';
import { echoPlan, type WholeMesh } from '../harness/whole-mesh.ts';
import { service } from './traffic.ts';

/** Change under load: nothing fails. */
export function describeScaling(get: () => WholeMesh, figures: Figures): void {
  describe('change under load', () => {
    let client: LoadClient;
    beforeAll(async () => {
      await get().run(echoPlan('elastic-1', { app: 'elastic' }));
      await get().apply(service('elastic'));
      client = get().clientOf('productpage-v1');
    });

    test('an app scaled up and down: no failed request', async () => {
      const scale = async (): Promise<void> => {
        const more = await Promise.all(
          [2, 3].map((index) => get().run(echoPlan(`elastic-${index}`, { app: 'elastic' }))),
        );
        await new Promise((resolve) => setTimeout(resolve, 1000));
        for (const workload of more) await workload.stop();
      };
      const result = await client.sendSteadily({ url: 'http://elastic:9080/' }, 200, scale());
      const names = new Set(result.answers.map((answer) => /"name":"([^"]*)"/.exec(answer.body)?.[1]));
      figures.add(
        'scaling 1 → 3 → 1 at 200 req/s',
        `${result.answers.length} requests, ${result.failures.length} failed, ${names.size} apps answered`,
      );
      expect(
        result.failures.map(({ status, body, error, elapsedMs }) => ({ status, body, error, elapsedMs })),
      ).toEqual([]);
      expect(names.size).toBe(3);
    });

    test('routes that change under load: no failed request, the change seen in under a second', async () => {
      const gateway = get().mesh.file.gateway!;
      const edge = new LoadClient();
      let tookMs = 0;
      const change = async (): Promise<void> => {
        await get().applyFile('bookinfo/config/reviews-v1-only.yaml');
        for (let index = 0; index < 5; index += 1)
          await get().applyFile('bookinfo/config/reviews-jason-v2.yaml');
        const begin = performance.now();
        await get().applyFile('bookinfo/config/reviews-v1-only.yaml');
        tookMs = performance.now() - begin;
        const page = await edge.send({ url: `${gateway}/productpage` });
        expect(page.body).toContain('Reviews served by: reviews-v1');
      };
      const result = await edge.sendSteadily({ url: `${gateway}/productpage` }, 50, change());
      edge.close();
      await get().remove('virtualservices', 'reviews');
      figures.add(
        '7 route changes at 50 pages/s',
        `${result.answers.length} pages, ${result.failures.length} failed; a change took ${Math.round(tookMs)} ms`,
      );
      expect(result.failures).toEqual([]);
      expect(tookMs).toBeLessThan(1000);
    });
  });
}
