import type { Clock, Environment, Random } from '@lateen/runtime';

/** What a command may touch of the world; tests hand in their own. */
export interface Surroundings {
  readonly environment: Environment;
  readonly workingFolder: string;
  /** Writes text to standard output. */
  out(text: string): void;
  /** Writes text to standard error. */
  err(text: string): void;
  readInput(): Promise<string>;
  /** Is standard output a terminal? Colour and progress only then. */
  readonly terminal: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly stopped: AbortSignal;
  readonly processId: number;
  /** Path of the Node that runs this. */
  readonly node: string;
}

/** A command's failure as its user reads it: one line with the way out. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
