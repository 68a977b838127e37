import type {
  istio_mcp_v1alpha1_Resource as Resource,
  istio_mcp_v1alpha1_Resources as Resources,
} from '@lateen/protos';

/** What a sink lacks: resources that are new or have another version, and names that are gone. */
export interface ResourceDelta {
  readonly updated: readonly Resource[];
  readonly removed: readonly string[];
}

/** Difference between a collection and the versions that a sink acknowledged. Source: Istio 1.4 pkg/mcp/source. */
export function deltaOf(
  current: ReadonlyMap<string, Resource>,
  acknowledged: ReadonlyMap<string, string>,
): ResourceDelta {
  const updated: Resource[] = [];
  for (const [name, resource] of current) {
    if (acknowledged.get(name) !== versionOf(resource)) updated.push(resource);
  }
  const removed: string[] = [];
  for (const name of acknowledged.keys()) if (!current.has(name)) removed.push(name);
  return { updated, removed };
}

/** Versions by name after a message was applied to `known`: replaced by a full state, merged with an increment. */
export function versionsAfter(known: ReadonlyMap<string, string>, message: Resources): Map<string, string> {
  const versions = new Map(message.incremental ? known : []);
  for (const name of message.removedResources ?? []) versions.delete(name);
  for (const resource of message.resources ?? []) versions.set(nameOf(resource), versionOf(resource));
  return versions;
}

/** Versions by name of a whole collection. */
export function versionsOf(resources: ReadonlyMap<string, Resource>): Map<string, string> {
  const versions = new Map<string, string>();
  for (const [name, resource] of resources) versions.set(name, versionOf(resource));
  return versions;
}

/** `namespace/name`, or `/name` for what is cluster scoped. */
export function nameOf(resource: Resource): string {
  return resource.metadata?.name ?? '';
}

function versionOf(resource: Resource): string {
  return resource.metadata?.version ?? '';
}
