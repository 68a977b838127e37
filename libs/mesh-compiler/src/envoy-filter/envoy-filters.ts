import { enumOf } from '@lateen/protos';
import { inboundPassthroughCluster } from '../cluster/cluster-name.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { attempt } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import type { ResourceCollector } from '../resource-collector.ts';
import { patchClusters } from './cluster-patches.ts';
import { patchListeners } from './listener-patches.ts';
import { type EnvoyPatch, patchesOf, type PatchContext } from './patch.ts';
import { patchedRoutes } from './route-patches.ts';

const directions = enumOf('envoy.config.core.v3.TrafficDirection');

function patchAll(patches: readonly EnvoyPatch[], proxy: Proxy, into: ResourceCollector): void {
  const router = proxy.type === 'router';
  const contexts: PatchContext[] = router ? ['GATEWAY'] : ['SIDECAR_INBOUND', 'SIDECAR_OUTBOUND'];
  const side = (inbound: boolean): PatchContext =>
    router ? 'GATEWAY' : inbound ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
  patchClusters(patches, into, {
    contexts,
    contextOf: (name) => side(name.startsWith('inbound|') || name === inboundPassthroughCluster),
  });
  patchListeners(patches, into, {
    contexts,
    contextOf: ({ trafficDirection }) => side(trafficDirection === directions.INBOUND),
  });
  for (const [name, routes] of new Map(into.routes))
    into.routes.set(name, patchedRoutes(patches, side(false), routes));
}

/**
 * Applies the EnvoyFilters that hold for a proxy to everything that was compiled for it, one object after the other; of
 * an object that can't be applied nothing stays.
 */
export function applyEnvoyFilters(model: MeshModel, proxy: Proxy, into: ResourceCollector): void {
  const { rootNamespace } = model;
  const patches = patchesOf(model.envoyFilters, proxy, { rootNamespace, problems: into.problems });
  for (const object of new Set(patches.map((patch) => patch.object))) {
    const own = patches.filter((patch) => patch.object === object);
    const draft: ResourceCollector = {
      clusters: new Map(into.clusters),
      endpoints: new Map(into.endpoints),
      listeners: new Map(into.listeners),
      routes: new Map(into.routes),
      problems: into.problems,
    };
    const applied = attempt(into.problems, object, () => {
      patchAll(own, proxy, draft);
      return true;
    });
    if (!applied) continue;
    replace(into.clusters, draft.clusters);
    replace(into.endpoints, draft.endpoints);
    replace(into.listeners, draft.listeners);
    replace(into.routes, draft.routes);
  }
}

function replace<T>(into: Map<string, T>, from: ReadonlyMap<string, T>): void {
  into.clear();
  for (const [name, resource] of from) into.set(name, resource);
}
