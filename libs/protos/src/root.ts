import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';

// 64-bit fields are plain numbers here: every one we meet is a count, a size or a second, far below 2^53.
protobuf.util.Long = null as never;
protobuf.configure();

/** Folder of the bundles: `generated/` beside `src/` in the workspace, beside the bundled file in an image. */
const folders = [join(import.meta.dirname, '../generated'), join(import.meta.dirname, 'protos')];

const bundles = ['data-plane', 'control-plane'] as const;
const roots: protobuf.Root[] = [];

function load(bundle: (typeof bundles)[number]): protobuf.Root {
  for (const folder of folders) {
    let text: string;
    try {
      text = readFileSync(join(folder, `${bundle}.json`), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    return protobuf.Root.fromJSON(JSON.parse(text));
  }
  throw new Error(`the protobuf bundle ${bundle}.json is missing: run "npm run setup"`);
}

function find(root: protobuf.Root, name: string): protobuf.Type | protobuf.Enum | undefined {
  const found = root.lookup(name, [protobuf.Type, protobuf.Enum]) as protobuf.Type | protobuf.Enum | null;
  // `lookup` also answers namespaces that were emptied by trimming: those have no fields and are not what was asked.
  return found && found.fullName === `.${name}` ? found : undefined;
}

/** A reflected type of the widest bundle, for JSON whose `Any`s may hold anything. */
export function lookupWidest(name: string): protobuf.Type | protobuf.Enum | undefined {
  const index = bundles.length - 1;
  roots[index] ??= load(bundles[index]!);
  return find(roots[index], name);
}

/** A reflected type by full name; loads the control plane's bundle when the data plane's doesn't have it. */
export function lookup(name: string): protobuf.Type | protobuf.Enum | undefined {
  for (const [index, bundle] of bundles.entries()) {
    roots[index] ??= load(bundle);
    const found = find(roots[index], name);
    if (found) return found;
  }
  return undefined;
}
