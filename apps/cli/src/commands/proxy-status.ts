import { connectMesh } from '../connection.ts';
import { outputFormat, print } from '../output.ts';
import { askPilot, type SyncStatus } from '../pilot-debug.ts';
import type { CommandContext } from '../program.ts';

/** Adds `lateen proxy-status`. */
export function addProxyStatus({ program, surroundings, action }: CommandContext): void {
  program
    .command('proxy-status')
    .alias('ps')
    .description('show what each connected proxy has acknowledged')
    .option('-o, --output <form>', 'table, json or yaml', 'table')
    .action(
      action(async (options: { output: string }) => {
        const format = outputFormat(options.output);
        const mesh = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        const proxies = (await askPilot(mesh, '/debug/syncz')) as readonly SyncStatus[];
        print(surroundings, format, proxies, {
          columns: ['PROXY', 'CDS', 'EDS', 'LDS', 'RDS'],
          rows: proxies.map((proxy) => [
            proxy.proxy,
            ...(['cds', 'eds', 'lds', 'rds'] as const).map((type) => proxy[type] ?? '-'),
          ]),
        });
        return 0;
      }),
    );
}
