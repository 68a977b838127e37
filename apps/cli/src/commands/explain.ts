import type { ExplainOptions } from '../explanation.ts';
import type { CommandContext } from '../program.ts';

/** Adds `lateen explain`. It alone needs the mesh compiler, so it alone loads it. */
export function addExplain({ program, surroundings, action }: CommandContext): void {
  program
    .command('explain')
    .description('say where a request goes and why: every rule tried, the cluster, the server’s policies')
    .argument('<method>', 'as GET')
    .argument('<url>', 'as http://reviews:9080/reviews/1')
    .requiredOption('--from <workload>', 'who calls: NAME or NAME.NAMESPACE')
    .option('-H, --header <header...>', 'a request header, as "end-user: jason"')
    .option('-f, --filename <path>', 'explain these files; without it the running mesh')
    .option('-o, --output <form>', 'table, json or yaml', 'table')
    .action(
      action(async (method: string, url: string, options: ExplainOptions) => {
        const { explain } = await import('../explanation.ts');
        return explain(surroundings, program.opts<{ stateDir?: string }>().stateDir, method, url, options);
      }),
    );
}
