import { describe, expect, test } from 'vitest';
import type { Figures } from '../harness/figures.ts';
import type { WholeMesh } from '../harness/whole-mesh.ts';

const rule = `apiVersion: config.istio.io/v1alpha2
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

const failOpen = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    policyCheckFailOpen: true
`;

/** A mixer that doesn't answer: with a CHECK rule in force requests are refused, unless the mesh says otherwise. */
export function describeFailPolicy(get: () => WholeMesh, figures: Figures): void {
  describe('fail policy', () => {
    test('a dead mixer refuses what has to be checked, passes it when the mesh fails open, and never the rest', async () => {
      const client = get().clientOf('productpage-v1');
      await get().apply(rule);
      const mixer = get().mesh.processes.get('mixer') ?? get().mesh.processes.get('control-plane')!;
      /** Status of a request that no cached check answers: each has a header of its own. */
      const ask = async (path: string, marker: string): Promise<number> =>
        (await client.send({ url: `http://ratings:9080${path}`, headers: { 'x-deny': marker } })).status;
      const paused = async <T>(work: () => Promise<T>): Promise<T> => {
        process.kill(mixer.processId!, 'SIGSTOP');
        try {
          return await work();
        } finally {
          process.kill(mixer.processId!, 'SIGCONT');
        }
      };
      expect(await ask('/ratings/0', 'before')).toBe(200);
      const closed = await paused(() => ask('/ratings/0', 'while dead'));
      const again = await ask('/ratings/0', 'after');
      await get().apply(failOpen);
      const open = await paused(() => ask('/ratings/0', 'while dead, open'));
      await get().remove('configmaps', 'istio', 'istio-system');
      for (const [plural, name] of [
        ['rules', 'denyratings'],
        ['handlers', 'denyhandler'],
        ['instances', 'denyrequest'],
      ]) {
        await get().remove(plural!, name!);
      }
      const unchecked = await paused(() => ask('/ratings/0', 'no rule'));
      figures.add('mixer dead', `closed ${closed}, fail open ${open}, no rule in force ${unchecked}`);
      expect([closed, again, open, unchecked]).toEqual([503, 200, 200, 200]);
    });
  });
}
