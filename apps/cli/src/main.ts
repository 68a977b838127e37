import { text } from 'node:stream/consumers';
import { LateenError, messageOf, systemClock } from '@lateen/runtime';
import { CommanderError } from 'commander';
import { createProgram } from './program.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort());

const surroundings: Surroundings = {
  environment: process.env,
  workingFolder: process.cwd(),
  out: (line) => void process.stdout.write(line),
  err: (line) => void process.stderr.write(line),
  readInput: () => text(process.stdin),
  terminal: process.stdout.isTTY === true && !process.env.NO_COLOR,
  clock: systemClock,
  random: Math.random,
  stopped: stopped.signal,
  processId: process.pid,
  node: process.execPath,
};

try {
  process.exitCode = await createProgram(surroundings, process).run(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const known = error instanceof CommandFailure || error instanceof LateenError;
    surroundings.err(
      `lateen: ${known ? messageOf(error) : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = error instanceof CommandFailure ? error.exitCode : 1;
  }
}
