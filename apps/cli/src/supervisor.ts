import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Backoff, type Clock, type Random, sleep } from '@lateen/runtime';
import { CommandFailure } from './surroundings.ts';

/** A process to keep running. */
export interface ProcessPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingFolder?: string;
  /** `message`: the process says `{ ready: true }` over IPC. `spawn`: it is ready when it runs. */
  readonly readyBy: 'message' | 'spawn';
  /** Longest time from start to ready. Milliseconds. */
  readonly readyTimeoutMs: number;
  /** After SIGTERM this long until SIGKILL. Milliseconds. */
  readonly stopTimeoutMs: number;
  /** Is it started again when it ends by itself? */
  readonly restart: boolean;
  /** Takes each line that the process prints. */
  onLine(line: string): void;
}

/** What runs a plan. */
export interface SupervisorPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** A supervised process. */
export interface Supervised {
  /** What the process said when it became ready: the newest message. */
  readonly ready: unknown;
  readonly processId: number | undefined;
  /** Resolves with the exit code when it has ended and isn't started again. */
  readonly ended: Promise<number>;
  /** Ends it: SIGTERM, then SIGKILL. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a process and waits until it is ready. @throws CommandFailure with its last lines when it isn't in time. */
export async function supervise(plan: ProcessPlan, ports: SupervisorPorts): Promise<Supervised> {
  const backoff = new Backoff({ baseMs: 100, maxMs: 5000, random: ports.random });
  const lastLines: string[] = [];
  let child: ChildProcess | undefined;
  let stopping = false;
  /** It was ready once: before that its end is the caller's to judge. */
  let established = false;
  let ready: unknown;
  let settle: (code: number) => void;
  const ended = new Promise<number>((resolve) => (settle = resolve));

  const launch = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const started = spawn(plan.command, plan.args, {
        env: plan.environment as NodeJS.ProcessEnv,
        cwd: plan.workingFolder,
        // A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', ...(plan.readyBy === 'message' ? (['ipc'] as const) : [])],
      });
      child = started;
      for (const stream of [started.stdout, started.stderr]) {
        if (!stream) continue;
        createInterface({ input: stream }).on('line', (line) => {
          lastLines.push(line);
          if (lastLines.length > 5) lastLines.shift();
          plan.onLine(line);
        });
      }
      const late = ports.clock.after(plan.readyTimeoutMs, () => {
        reject(
          new CommandFailure(
            `${plan.name} was not ready within ${plan.readyTimeoutMs / 1000} s${tail(lastLines)}`,
          ),
        );
        started.kill('SIGKILL');
      });
      if (plan.readyBy === 'spawn') started.once('spawn', () => resolve(undefined));
      started.on('message', (message) => {
        ready = message;
        resolve(message);
      });
      started.once('error', (error) =>
        reject(new CommandFailure(`${plan.name} could not be started: ${error.message}`)),
      );
      started.once('close', (code, signal) => {
        late.cancel();
        reject(
          new CommandFailure(`${plan.name} ended with ${signal ?? `exit code ${code}`}${tail(lastLines)}`),
        );
        if (child !== started) return;
        child = undefined;
        if (stopping || !plan.restart || !established) return settle(signal ? 128 : (code ?? 1));
        plan.onLine(`failed (${signal ?? `exit code ${code}`}) and is started again`);
        void again();
      });
      const onTime = (): void => late.cancel();
      if (plan.readyBy === 'spawn') started.once('spawn', onTime);
      started.on('message', onTime);
    });

  const again = async (): Promise<void> => {
    await sleep(ports.clock, backoff.next());
    if (stopping) return settle(0);
    await launch().then(
      () => backoff.reset(),
      () => {}, // its end has already scheduled the next attempt
    );
  };

  const stop = async (): Promise<void> => {
    stopping = true;
    const running = child;
    if (!running) return;
    const gone = new Promise<void>((resolve) => running.once('close', () => resolve()));
    running.kill('SIGTERM');
    const cut = ports.clock.after(plan.stopTimeoutMs, () => running.kill('SIGKILL'));
    await gone;
    cut.cancel();
  };

  try {
    await launch();
    established = true;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get ready() {
      return ready;
    },
    get processId() {
      return child?.pid;
    },
    ended,
    stop,
  };
}

function tail(lines: readonly string[]): string {
  return lines.length > 0 ? `; it printed last:\n  ${lines.join('\n  ')}` : '';
}
