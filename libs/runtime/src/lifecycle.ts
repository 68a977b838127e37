import { LateenError, messageOf } from './error.ts';
import type { Logger } from './logger.ts';

/** Something that runs. `start` resolves when it is ready to serve; `stop` drains and frees every port and file. */
export interface Component {
  readonly name: string;
  start(): Promise<void>;
  /** Idempotent; also right after a failed `start`. */
  stop(): Promise<void>;
}

/** Starts components in order and stops them in reverse. A failed start stops what already ran. */
export function composeComponents(name: string, parts: readonly Component[]): Component {
  const started: Component[] = [];
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let part = started.pop(); part; part = started.pop()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${name} did not stop cleanly`);
  };
  return {
    name,
    stop,
    async start() {
      for (const part of parts) {
        started.push(part);
        try {
          await part.start();
        } catch (error) {
          await stop();
          throw error;
        }
      }
    },
  };
}

/** The parts of `process` that `runProcess` uses. */
export type HostProcess = Pick<NodeJS.Process, 'on' | 'exit' | 'stderr' | 'send'>;

/** How a process runs its component. */
export interface RunOptions {
  readonly process: HostProcess;
  readonly logger: Logger;
  /** A stop that takes longer than this is cut off with exit code 1. Milliseconds. */
  readonly stopTimeoutMs: number;
  /** What a parent process learns with `{ ready: true }` over IPC, for instance the bound ports. */
  readonly facts?: () => object;
}

/**
 * Runs a component until SIGTERM or SIGINT, then stops it. Signals may come several times (nx and npm do that): the
 * first starts the drain, others are ignored. A parent that started this with an IPC channel is told when it is ready,
 * and its death (the channel closes) stops this too: no orphan keeps a port. Exit codes: 0 stopped, 1 failed, 2 invalid
 * settings.
 */
export async function runProcess(component: Component, options: RunOptions): Promise<void> {
  const { process: host, logger } = options;
  let stopping = false;
  // A clock's timers don't keep a process alive: one that waits for another (a file, the next attempt) needs this.
  const hold = setInterval(() => {}, 2 ** 30);
  const exit = (code: number): void => {
    clearInterval(hold);
    host.exit(code);
  };
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, `${component.name} is stopping`);
    const cut = setTimeout(() => {
      logger.error({ stopTimeoutMs: options.stopTimeoutMs }, `${component.name} did not stop in time`);
      exit(1);
    }, options.stopTimeoutMs);
    component.stop().then(
      () => {
        clearTimeout(cut);
        exit(0);
      },
      (error: unknown) => {
        logger.error({ err: error }, `${component.name} did not stop cleanly`);
        exit(1);
      },
    );
  };
  host.on('SIGTERM', () => stop('SIGTERM'));
  host.on('SIGINT', () => stop('SIGINT'));
  host.on('disconnect', () => stop('the parent process is gone'));
  try {
    await component.start();
    if (stopping) return;
    logger.info({}, `${component.name} is ready`);
    host.send?.({ ready: true, ...options.facts?.() });
  } catch (error) {
    if (stopping) return;
    host.stderr.write(`${component.name}: ${messageOf(error)}\n`);
    exit(error instanceof LateenError && error.origin === 'config' ? 2 : 1);
  }
}
