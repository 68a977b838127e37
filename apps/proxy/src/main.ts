import { createLogger, LateenError, runProcess, systemClock } from '@lateen/runtime';
import { type CommandLine, readCommandLine } from './command-line.ts';
import { createSidecar } from './sidecar.ts';
import { readSidecarSettings } from './sidecar-settings.ts';
import { createStandalone } from './standalone.ts';

/** Runs what may find the user's configuration wrong; says so in a line and exits with 2. */
async function orExit<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof LateenError)) throw error;
    process.stderr.write(`proxy: ${error.message}\n`);
    process.exit(2);
  }
}

const quit = (): void => void process.kill(process.pid, 'SIGTERM');

async function runStandalone(line: CommandLine): Promise<void> {
  const logger = createLogger({ component: 'proxy', level: line.logLevel });
  const dataPlane = await orExit(() =>
    createStandalone(line, { clock: systemClock, random: Math.random, logger, quit }),
  );
  if (line.mode === 'validate') {
    await orExit(() => dataPlane.validate());
    process.stdout.write(`configuration '${line.configPath ?? ''}' OK\n`);
    process.exit(0);
  }
  if (line.concurrency > 1)
    logger.warn({ concurrency: line.concurrency }, 'one worker serves, more are not there yet');
  await runProcess(dataPlane, {
    process,
    logger,
    stopTimeoutMs: line.drainTimeMs + 5000,
    facts: () => ({ adminPort: dataPlane.adminPort }),
  });
}

async function runSidecar(): Promise<void> {
  const settings = await orExit(() => readSidecarSettings(process.env));
  const logger = createLogger({ component: 'proxy', level: settings.logLevel });
  const sidecar = await orExit(() =>
    createSidecar(settings, { clock: systemClock, random: Math.random, logger, quit }),
  );
  await runProcess(sidecar, {
    process,
    logger,
    stopTimeoutMs: settings.stopDrainMs + 5000,
    facts: () => ({ adminPort: sidecar.adminPort, statusPort: sidecar.statusPort }),
  });
}

const line = readCommandLine(process.argv.slice(2));
if (line.configPath === undefined && line.configYaml === undefined) await runSidecar();
else await runStandalone(line);
