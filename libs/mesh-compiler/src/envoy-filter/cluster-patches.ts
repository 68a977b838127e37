import { type envoy_config_cluster_v3_Cluster as Cluster, enumOf } from '@lateen/protos';
import type { ResourceCollector } from '../resource-collector.ts';
import { type EnvoyPatch, patchesFor, type PatchContext } from './patch.ts';
import { patchedList } from './patched-list.ts';

const operations = enumOf('istio.networking.v1alpha3.EnvoyFilter.Patch.Operation');

function matches({ match }: EnvoyPatch, { name = '' }: Cluster): boolean {
  const wanted = match.cluster;
  if (!wanted) return true;
  if (wanted.name) return wanted.name === name;
  const [, port, subset = '', host = ''] = name.split('|');
  if (wanted.service && wanted.service !== host) return false;
  if (wanted.subset && wanted.subset !== subset) return false;
  return !wanted.portNumber || wanted.portNumber === Number(port);
}

/** Applies patches to the clusters; the endpoints of a removed cluster go with it. */
export function patchClusters(
  patches: readonly EnvoyPatch[],
  into: ResourceCollector,
  own: { contexts: readonly PatchContext[]; contextOf: (cluster: string) => PatchContext },
): void {
  for (const context of own.contexts) {
    const chosen = patchesFor(patches, 'CLUSTER', context);
    if (chosen.length === 0) continue;
    const adding = chosen.filter(({ operation }) => operation === operations.ADD);
    const changing = chosen.filter(({ operation }) => operation !== operations.ADD);
    for (const [name, cluster] of new Map(into.clusters)) {
      if (own.contextOf(name) !== context) continue;
      const [patched] = patchedList([cluster], changing, { matches, names: () => true });
      if (patched) into.clusters.set(name, patched);
      else {
        into.clusters.delete(name);
        into.endpoints.delete(name);
      }
    }
    for (const { value } of adding) {
      const cluster = value as Cluster;
      if (cluster.name) into.clusters.set(cluster.name, cluster);
    }
  }
}
