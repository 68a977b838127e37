import { connectMesh } from '../connection.ts';
import { outputFormat, print } from '../output.ts';
import { askPilot, type SyncStatus } from '../pilot-debug.ts';
import type { CommandContext } from '../program.ts';
import { CommandFailure } from '../surroundings.ts';

const sections = ['cluster', 'listener', 'route', 'endpoint'] as const;
type Section = (typeof sections)[number];

/** A resource of a dump as proto3 JSON; which fields it has depends on its type. */
interface DumpedResource {
  readonly name?: string;
  readonly clusterName?: string;
  readonly type?: string;
  readonly address?: { readonly socketAddress?: { readonly address?: string; readonly portValue?: number } };
  readonly virtualHosts?: readonly {
    readonly name?: string;
    readonly domains?: readonly string[];
    readonly routes?: readonly unknown[];
  }[];
  readonly endpoints?: readonly {
    readonly lbEndpoints?: readonly {
      readonly endpoint?: { readonly address?: DumpedResource['address'] };
    }[];
  }[];
}

/** Adds `lateen proxy-config`. */
export function addProxyConfig({ program, surroundings, action }: CommandContext): void {
  program
    .command('proxy-config')
    .alias('pc')
    .description('show what pilot gave a proxy')
    .argument('<section>', `${sections.join(', ')} or all`)
    .argument('<proxy>', 'a proxy of "lateen proxy-status", or how its name begins')
    .option('-o, --output <form>', 'table, json or yaml', 'table')
    .action(
      action(async (section: string, proxy: string, options: { output: string }) => {
        const format = outputFormat(options.output);
        const wanted = sections.find((name) => section === name || section === `${name}s`);
        if (!wanted && section !== 'all')
          throw new CommandFailure(`unknown section "${section}": use ${sections.join(', ')} or all`, 2);
        const mesh = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        const known = (await askPilot(mesh, '/debug/syncz')) as readonly SyncStatus[];
        const found = known.filter((status) => isCalled(status.proxy, proxy));
        if (found.length !== 1) {
          const names = known.map((status) => status.proxy).join(', ') || 'none';
          throw new CommandFailure(
            `${found.length === 0 ? 'no' : 'more than one'} proxy is called "${proxy}"; connected: ${names}`,
          );
        }
        const dump = (await askPilot(
          mesh,
          `/debug/config_dump?proxyID=${encodeURIComponent(found[0]!.proxy)}`,
        )) as Record<Section, readonly DumpedResource[]>;
        if (!wanted)
          print(surroundings, format === 'table' ? 'json' : format, dump, { columns: [], rows: [] });
        else print(surroundings, format, dump[wanted], table(wanted, dump[wanted]));
        return 0;
      }),
    );
}

function table(
  section: Section,
  resources: readonly DumpedResource[],
): { columns: string[]; rows: (string | number)[][] } {
  switch (section) {
    case 'cluster':
      return {
        columns: ['NAME', 'TYPE'],
        rows: resources.map((cluster) => [cluster.name ?? '', cluster.type ?? 'STATIC']),
      };
    case 'listener':
      return {
        columns: ['NAME', 'ADDRESS'],
        rows: resources.map((listener) => [listener.name ?? '', addressOf(listener.address)]),
      };
    case 'route':
      return {
        columns: ['ROUTE', 'VIRTUAL HOST', 'DOMAINS', 'ROUTES'],
        rows: resources.flatMap((route) =>
          (route.virtualHosts ?? []).map((host) => [
            route.name ?? '',
            host.name ?? '',
            (host.domains ?? []).slice(0, 3).join(', '),
            host.routes?.length ?? 0,
          ]),
        ),
      };
    case 'endpoint':
      return {
        columns: ['CLUSTER', 'ENDPOINTS'],
        rows: resources.map((assignment) => [
          assignment.clusterName ?? '',
          (assignment.endpoints ?? [])
            .flatMap((group) => group.lbEndpoints ?? [])
            .map((endpoint) => addressOf(endpoint.endpoint?.address))
            .join(', '),
        ]),
      };
  }
}

/** A node id, `ROLE~IP~NAME.NAMESPACE~…`, is called by how it or its name begins. */
function isCalled(nodeId: string, asked: string): boolean {
  return nodeId.startsWith(asked) || (nodeId.split('~')[2] ?? '').startsWith(asked);
}

function addressOf(address: DumpedResource['address']): string {
  const socket = address?.socketAddress;
  return socket ? `${socket.address}:${socket.portValue}` : '-';
}
