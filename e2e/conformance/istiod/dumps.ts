import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folder of the answers that a real istiod gave: beside the repository, or under `LATEEN_SHARED`. */
const shared = process.env.LATEEN_SHARED ?? join(import.meta.dirname, '../../../../shared');
const root = join(shared, 'reference/istiod-dumps');

/** A JSON value of a dump. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Kinds of resource that a dump has, by the name of its file. */
export const dumpKinds = ['cds', 'eds', 'lds', 'rds'] as const;
export type DumpKind = (typeof dumpKinds)[number];

/** Are the dumps here? */
export const dumpsPresent = existsSync(root);

interface SameAs {
  readonly base_node?: string;
  readonly same_as_node?: { readonly [node: string]: { readonly [kind: string]: readonly string[] } };
  readonly [kind: string]: unknown;
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

function nameOf(resource: JsonObject): string {
  return String(resource.name ?? resource.cluster_name ?? resource.clusterName);
}

/** Names of the cases. */
export function dumpCases(): string[] {
  if (!dumpsPresent) return [];
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => name).filter((name) => existsSync(join(root, name, 'config.yaml')));
}

/** What a case gives to istiod, and the nodes that asked it. */
export function dumpInput(name: string): {
  config: string;
  mesh: string;
  nodes: { [node: string]: JsonObject };
} {
  return {
    config: readFileSync(join(root, name, 'config.yaml'), 'utf8'),
    mesh: readFileSync(join(root, name, 'mesh.yaml'), 'utf8'),
    nodes: read(`${name}/nodes.json`) as { [node: string]: JsonObject },
  };
}

/** Resources that a node got, those included that the dump leaves to the base case or another node. */
export function dumpedResources(name: string, node: string, kind: DumpKind): Map<string, JsonObject> {
  const own = read(`${name}/${node}.${kind}.json`) as JsonObject[];
  const resources = new Map(own.map((resource) => [nameOf(resource), resource]));
  const path = `${name}/${node}.same-as-base.json`;
  if (!existsSync(join(root, path))) return resources;
  const same = read(path) as SameAs;
  const take = (names: readonly string[] | undefined, from: () => Map<string, JsonObject>): void => {
    if (!names || names.length === 0) return;
    const found = from();
    for (const one of names) {
      const resource = found.get(one);
      if (resource) resources.set(one, resource);
    }
  };
  take(same[kind] as readonly string[] | undefined, () =>
    dumpedResources('base', same.base_node ?? node, kind),
  );
  for (const [other, kinds] of Object.entries(same.same_as_node ?? {})) {
    take(kinds[kind], () => dumpedResources(name, other, kind));
  }
  return resources;
}
