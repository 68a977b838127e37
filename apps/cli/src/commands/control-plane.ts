import { createLogger, runProcess } from '@lateen/runtime';
import type { CommandContext } from '../program.ts';

/** Adds the command that `lateen up` starts its control-plane process with. */
export function addControlPlane({ program, surroundings, process, action }: CommandContext): void {
  program
    .command('control-plane', { hidden: true })
    .description('citadel, galley, mixer and pilot in this process; settings as theirs, from the environment')
    .action(
      action(async () => {
        // The components' libraries are loaded here alone: other commands start without them.
        const { createControlPlane } = await import('../control-plane.ts');
        const { environment, clock, random } = surroundings;
        const loggerOf = (component: string) => createLogger({ component });
        const { stdout, stderr } = process;
        const component = createControlPlane({ environment, clock, random, loggerOf, stdout, stderr });
        await runProcess(component, { process, logger: loggerOf('control-plane'), stopTimeoutMs: 8000 });
        return new Promise<number>(() => {}); // runProcess ends the process when it is time
      }),
    );
}
