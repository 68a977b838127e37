import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '@lateen/runtime';
import { parseAllDocuments } from 'yaml';
import { connectMesh } from '../connection.ts';
import { resourceTypeOf } from '../kind-name.ts';
import type { CommandContext } from '../program.ts';
import { CommandFailure, type Surroundings } from '../surroundings.ts';

interface DeleteOptions {
  readonly namespace: string;
  readonly filename?: readonly string[];
}

interface Target {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Adds `lateen delete`. */
export function addDelete({ program, surroundings, action }: CommandContext): void {
  program
    .command('delete')
    .description('remove stored objects, by kind and name or as a file names them')
    .argument('[kind]', 'as virtualservice, virtualservices or vs')
    .argument('[names...]', 'objects of that kind')
    .option('-f, --filename <path...>', 'files whose objects are removed')
    .option('-n, --namespace <name>', 'namespace', 'default')
    .action(
      action(async (kind: string | undefined, names: string[], options: DeleteOptions) => {
        const targets = (options.filename ?? []).flatMap((file) =>
          targetsOf(file, options.namespace, surroundings),
        );
        for (const name of names) targets.push({ kind: kind ?? '', namespace: options.namespace, name });
        if (targets.length === 0) throw new CommandFailure('name a kind and an object, or a file with -f', 2);
        const { galley } = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        let missing = 0;
        for (const target of targets) {
          const type = resourceTypeOf(target.kind);
          const revision = await galley.delete(type, target.namespace, target.name);
          if (revision === undefined) missing += 1;
          surroundings.out(
            `${type.plural}/${target.name} ${revision === undefined ? 'not found' : 'deleted'}\n`,
          );
        }
        return missing === targets.length ? 1 : 0;
      }),
    );
}

function targetsOf(file: string, namespace: string, surroundings: Surroundings): Target[] {
  let text: string;
  try {
    text = readFileSync(resolve(surroundings.workingFolder, file), 'utf8');
  } catch (error) {
    throw new CommandFailure(`${file} can't be read: ${messageOf(error)}`);
  }
  return [...parseAllDocuments(text)].flatMap((document) => {
    const object = document.toJS({ maxAliasCount: 100 }) as {
      kind?: string;
      metadata?: { name?: string; namespace?: string };
    } | null;
    if (!object?.kind || !object.metadata?.name) return [];
    return [
      { kind: object.kind, namespace: object.metadata.namespace ?? namespace, name: object.metadata.name },
    ];
  });
}
