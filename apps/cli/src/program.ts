import { Command } from 'commander';
import type { HostProcess } from '@lateen/runtime';
import { addApply } from './commands/apply.ts';
import { addControlPlane } from './commands/control-plane.ts';
import { addDelete } from './commands/delete.ts';
import { addExplain } from './commands/explain.ts';
import { addGet } from './commands/get.ts';
import { addKubeconfig } from './commands/kubeconfig.ts';
import { addProxyConfig } from './commands/proxy-config.ts';
import { addProxyStatus } from './commands/proxy-status.ts';
import { addRun } from './commands/run.ts';
import { addUp } from './commands/up.ts';
import type { Surroundings } from './surroundings.ts';

/** What a command's registration gets: where to hang it, the world, and how to hand its exit code on. */
export interface CommandContext {
  readonly program: Command;
  readonly surroundings: Surroundings;
  readonly process: HostProcess & Pick<NodeJS.Process, 'stdout'>;
  /** Wraps an action: its exit code becomes the program's. */
  action<A extends unknown[]>(run: (...args: A) => Promise<number>): (...args: A) => Promise<void>;
}

/** The `lateen` program. `run` answers the exit code: 0 done, 1 failed, 2 wrong usage, or a workload's own. */
export function createProgram(
  surroundings: Surroundings,
  process: CommandContext['process'],
): { run(args: readonly string[]): Promise<number> } {
  let exitCode = 0;
  const program = new Command('lateen')
    .description('A service mesh: bring it up, run apps in it, tell it how traffic flows.')
    .version('0.1.0')
    .option('--state-dir <folder>', 'folder of the mesh’s state (default: $LATEEN_STATE_DIR or .lateen)')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: surroundings.out, writeErr: surroundings.err });
  const context: CommandContext = {
    program,
    surroundings,
    process,
    action:
      (run) =>
      async (...args) => {
        exitCode = await run(...args);
      },
  };
  addUp(context);
  addRun(context);
  addApply(context);
  addGet(context);
  addDelete(context);
  addKubeconfig(context);
  addProxyStatus(context);
  addProxyConfig(context);
  addExplain(context);
  addControlPlane(context);
  return {
    async run(args) {
      await program.parseAsync([...args], { from: 'user' });
      return exitCode;
    },
  };
}
