import type { ConfigObject } from '@lateen/config-schema';
import type { ConfigSnapshot } from '@lateen/mesh-compiler';

/** Collection that workloads stand in, whoever states them. */
export const workloadCollection = 'istio/networking/v1alpha3/workloadentries';

/** Workloads that no configuration states, by `namespace/name`: self-registration, another registry. */
export type RegisteredWorkloads = ReadonlyMap<string, ConfigObject>;

/**
 * Joins registered workloads with the configuration's. What the configuration states wins over a registration of the
 * same name. Answers the snapshot itself when nothing is registered.
 */
export function joinRegistry(snapshot: ConfigSnapshot, registered: RegisteredWorkloads): ConfigSnapshot {
  if (registered.size === 0) return snapshot;
  const stated = snapshot.objects.get(workloadCollection) ?? new Map<string, ConfigObject>();
  const workloads = new Map([...registered, ...stated]);
  return { ...snapshot, objects: new Map([...snapshot.objects, [workloadCollection, workloads]]) };
}
