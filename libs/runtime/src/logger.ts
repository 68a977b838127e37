import { pino } from 'pino';

/** Fields of a log line; `err` holds what was thrown. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log of one component. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** The same log with more fields on every line. */
  child(fields: LogFields): Logger;
}

/** Where and from which level on a logger writes. */
export interface LoggerOptions {
  /** Component name, field `component` of each line. */
  readonly component: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Takes one line of JSON a call; standard error when absent. */
  readonly write?: (line: string) => void;
}

/** Logger that writes JSON lines. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = { level: options.level ?? 'info', base: { component: options.component } };
  const { write } = options;
  return write ? pino(settings, { write }) : pino(settings, pino.destination({ fd: 2, sync: true }));
}

/** Logger that drops everything; for tests and for libraries used without one. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
