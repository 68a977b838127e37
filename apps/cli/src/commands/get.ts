import type { KubeObject } from '@lateen/kube';
import { stringify } from 'yaml';
import { connectMesh } from '../connection.ts';
import { resourceTypeOf } from '../kind-name.ts';
import { outputFormat, print } from '../output.ts';
import type { CommandContext } from '../program.ts';
import { CommandFailure } from '../surroundings.ts';

interface GetOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly output: string;
}

/** Adds `lateen get`. */
export function addGet({ program, surroundings, action }: CommandContext): void {
  program
    .command('get')
    .description('show stored objects of a kind')
    .argument('<kind>', 'as virtualservice, virtualservices or vs')
    .argument('[name]', 'one object')
    .option('-n, --namespace <name>', 'namespace', 'default')
    .option('-A, --all-namespaces', 'objects of every namespace')
    .option('-o, --output <form>', 'table, json or yaml', 'table')
    .action(
      action(async (kind: string, name: string | undefined, options: GetOptions) => {
        const format = outputFormat(options.output);
        const type = resourceTypeOf(kind);
        const { galley } = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        if (name !== undefined) {
          const object = await galley.get(type, options.namespace, name);
          if (!object)
            throw new CommandFailure(`there is no ${type.plural}/${name} in namespace ${options.namespace}`);
          if (format === 'table') surroundings.out(stringify(object));
          else print(surroundings, format, object, { columns: [], rows: [] });
          return 0;
        }
        const { items } = await galley.list(type, options.allNamespaces ? undefined : options.namespace);
        print(surroundings, format, items, {
          columns: ['NAMESPACE', 'NAME', 'AGE', 'SUMMARY'],
          rows: items.map((item) => [
            item.metadata.namespace ?? '',
            item.metadata.name,
            age(item, surroundings.clock.now()),
            summary(item),
          ]),
        });
        return 0;
      }),
    );
}

function age(object: KubeObject, nowMs: number): string {
  const created = Date.parse(object.metadata.creationTimestamp ?? '');
  if (Number.isNaN(created)) return '';
  const seconds = Math.max(0, Math.round((nowMs - created) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** What a reader looks for first: hosts, else the address or the selector. */
function summary(object: KubeObject): string {
  const spec = (object.spec ?? {}) as {
    hosts?: string[];
    host?: string;
    address?: string;
    selector?: unknown;
  };
  if (spec.hosts) return spec.hosts.join(', ');
  return spec.host ?? spec.address ?? (spec.selector ? JSON.stringify(spec.selector) : '');
}
