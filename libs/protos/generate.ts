/**
 * Makes `generated/`: the two protobuf bundles (JSON descriptors) and the TypeScript interfaces of every message.
 * Envoy's `.proto` files come from the installed `@grpc/grpc-js-xds`, Istio's from `proto/`. Run by `tools/setup.mjs`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import protobuf from 'protobufjs';
import { controlPlaneFolders, dataPlaneRoots } from './bundles.ts';

const here = import.meta.dirname;
const require = createRequire(import.meta.url);
const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const own = join(here, 'proto');
const includes = [
  own,
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name)),
  dirname(require.resolve('protobufjs/package.json')),
];

// Envoy dropped OpenCensus, and the package that ships its files lacks OpenCensus's own.
const leftOut = /\/config\/trace\/v3\/(opencensus|trace)\.proto$/;

function protosUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.proto'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function load(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    if (isAbsolute(target)) return target;
    for (const folder of includes) if (existsSync(join(folder, target))) return join(folder, target);
    return null;
  };
  const files = controlPlaneFolders.flatMap((folder) => protosUnder(join(deps, 'envoy-api/envoy', folder)));
  files.push(...protosUnder(join(deps, 'xds')), ...protosUnder(own));
  for (const file of files) {
    const old = /\/v[12](alpha\d*)?\/[^/]*\.proto$/.test(file) && file.includes('/envoy-api/');
    if (old || leftOut.test(file)) continue;
    root.loadSync(file, { keepCase: false });
  }
  return root;
}

function typesOf(root: protobuf.Root): Map<string, protobuf.Type | protobuf.Enum> {
  const types = new Map<string, protobuf.Type | protobuf.Enum>();
  const visit = (space: protobuf.NamespaceBase): void => {
    for (const nested of space.nestedArray) {
      if (nested instanceof protobuf.Type || nested instanceof protobuf.Enum)
        types.set(nested.fullName.slice(1), nested);
      if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  return types;
}

function closure(types: Map<string, protobuf.Type | protobuf.Enum>, roots: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (reached.has(name)) continue;
    const type = types.get(name);
    if (!type) throw new Error(`bundles.ts names an unknown message: ${name}`);
    reached.add(name);
    if (type instanceof protobuf.Enum) continue;
    for (const field of type.fieldsArray) {
      if (field.resolvedType) queue.push(field.resolvedType.fullName.slice(1));
    }
  }
  return reached;
}

/** JSON descriptor of the root with the messages of `keep` only. Options are dropped but for what decoding needs. */
function descriptor(root: protobuf.Root, keep: Set<string> | undefined): unknown {
  const prune = (json: Record<string, any>, path: string): Record<string, any> | undefined => {
    const nested: Record<string, unknown> = {};
    for (const [name, child] of Object.entries(json.nested ?? {})) {
      const pruned = prune(child as Record<string, any>, path ? `${path}.${name}` : name);
      if (pruned) nested[name] = pruned;
    }
    const isType = 'fields' in json || 'values' in json;
    const kept = isType && (!keep || keep.has(path));
    if (!kept && Object.keys(nested).length === 0) return undefined;
    const result: Record<string, unknown> = {};
    if (isType && kept) {
      for (const key of ['edition', 'fields', 'oneofs', 'values'] as const)
        if (json[key]) result[key] = json[key];
      if (json.fields)
        result.fields = Object.fromEntries(Object.entries(json.fields).map(([n, f]) => [n, bareField(f)]));
    } else if (isType) {
      result.fields = {};
    }
    if (json.edition) result.edition = json.edition;
    if (Object.keys(nested).length > 0) result.nested = nested;
    return result;
  };
  const bareField = (field: any): unknown => {
    const { comment: _comment, options, ...rest } = field;
    const kept: Record<string, unknown> = {};
    for (const key of ['proto3_optional', 'packed', 'json_name', 'deprecated']) {
      if (options?.[key] !== undefined) kept[key] = options[key];
    }
    return Object.keys(kept).length > 0 ? { ...rest, options: kept } : rest;
  };
  return prune(root.toJSON() as Record<string, any>, '') ?? {};
}

const scalarTypes: Record<string, string> = { string: 'string', bool: 'boolean', bytes: 'Uint8Array' };

function interfaces(types: Map<string, protobuf.Type | protobuf.Enum>): string {
  const identifier = (name: string): string => name.replaceAll('.', '_');
  const fieldType = (field: protobuf.Field): string => {
    const one =
      field.resolvedType instanceof protobuf.Enum
        ? 'number'
        : field.resolvedType
          ? identifier(field.resolvedType.fullName.slice(1))
          : (scalarTypes[field.type] ?? 'number');
    if (field.map) return `{ [key: string]: ${one} }`;
    return field.repeated ? `readonly ${one}[]` : one;
  };
  const out = ['// Made by libs/protos/generate.ts.', ''];
  for (const [name, type] of types) {
    if (type instanceof protobuf.Enum) continue;
    out.push(`export interface ${identifier(name)} {`);
    for (const field of type.fieldsArray)
      out.push(`  ${JSON.stringify(field.name)}?: ${fieldType(field)} | undefined;`);
    out.push('}', '');
  }
  out.push('/** Full name to message. */', 'export interface Messages {');
  for (const [name, type] of types)
    if (type instanceof protobuf.Type) out.push(`  '${name}': ${identifier(name)};`);
  out.push('}', '', '/** Full name to its values. */', 'export interface Enums {');
  for (const [name, type] of types) {
    if (type instanceof protobuf.Enum) {
      const values = Object.entries(type.values).map(([key, value]) => `readonly ${key}: ${value}`);
      out.push(`  '${name}': { ${values.join('; ')} };`);
    }
  }
  out.push('}', '');
  return out.join('\n');
}

const root = load();
const types = typesOf(root);
const folder = join(here, 'generated');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'control-plane.json'), JSON.stringify(descriptor(root, undefined)));
writeFileSync(
  join(folder, 'data-plane.json'),
  JSON.stringify(descriptor(root, closure(types, dataPlaneRoots))),
);
writeFileSync(join(folder, 'types.ts'), interfaces(types));
for (const name of ['data-plane', 'control-plane']) {
  const size = readFileSync(join(folder, `${name}.json`)).length;
  process.stderr.write(`  ${name}.json ${Math.round(size / 1024)} KiB\n`);
}
