import type { ConfigObject } from '@lateen/config-schema';
import { expect, test } from 'vitest';
import { joinRegistry, workloadCollection } from './workload-registry.ts';

const entry = (name: string, address: string): ConfigObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  metadata: { name, namespace: 'default', labels: {}, annotations: {} },
  spec: { address },
});

test('registered workloads join those of the configuration, which win', () => {
  const stated = new Map([['default/a', entry('a', '10.0.0.1')]]);
  const snapshot = { revision: 3, objects: new Map([[workloadCollection, stated]]) };
  expect(joinRegistry(snapshot, new Map())).toBe(snapshot);
  const joined = joinRegistry(
    snapshot,
    new Map([
      ['default/a', entry('a', '10.9.9.9')],
      ['default/b', entry('b', '10.0.0.2')],
    ]),
  );
  const addresses = [...(joined.objects.get(workloadCollection)?.values() ?? [])].map(
    ({ spec }) => (spec as { address: string }).address,
  );
  expect(addresses.sort()).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(joined.revision).toBe(3);
});
