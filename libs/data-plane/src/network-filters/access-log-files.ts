import { createWriteStream, type WriteStream } from 'node:fs';
import {
  type Clock,
  type Counter,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Timer,
} from '@lateen/runtime';
import type { AccessLogWriter } from './surroundings.ts';

/** Lines are gathered this long before they are written. Milliseconds. */
const flushMs = 1000;
/** What is gathered is written at once beyond this. Characters. */
const flushLength = 64 * 1024;
/** What a slow disk may leave waiting; beyond it lines are dropped and counted. Bytes. */
const maxWaiting = 8 * 1024 * 1024;

class LogFile implements AccessLogWriter {
  readonly #stream: WriteStream;
  readonly #clock: Clock;
  readonly #dropped: Counter;
  #lines = '';
  #timer: Timer | undefined;
  #broken = false;

  constructor(stream: WriteStream, clock: Clock, dropped: Counter, onError: (error: Error) => void) {
    this.#stream = stream;
    this.#clock = clock;
    this.#dropped = dropped;
    stream.on('error', (error) => {
      this.#broken = true;
      onError(error);
    });
  }

  write(line: string): void {
    if (this.#broken || this.#stream.writableLength > maxWaiting) return this.#dropped.inc();
    this.#lines += line;
    if (this.#lines.length > flushLength) this.flush();
    else this.#timer ??= this.#clock.after(flushMs, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#lines === '' || this.#broken) return;
    this.#stream.write(this.#lines);
    this.#lines = '';
  }

  close(): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      if (this.#broken || this.#stream.closed) return resolve();
      this.#stream.end(() => resolve());
    });
  }
}

/** The access log files of a data plane, by path. */
export class AccessLogFiles {
  readonly #files = new Map<string, LogFile>();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dropped: Counter;

  constructor(clock: Clock, logger: Logger, metrics: MetricsRegistry) {
    this.#clock = clock;
    this.#logger = logger;
    this.#dropped = metrics.counter('lateen_access_log_dropped_total', 'Access log lines that were dropped.');
  }

  /** Writer of a path; `/dev/stdout` and `/dev/stderr` are the process' own. */
  open(path: string): AccessLogWriter {
    let file = this.#files.get(path);
    if (!file) {
      const fd = path === '/dev/stdout' ? 1 : path === '/dev/stderr' ? 2 : undefined;
      // A descriptor is written to as it is: opening the path anew fails where it is a socket.
      const stream = createWriteStream(path, fd === undefined ? { flags: 'a' } : { fd, autoClose: false });
      file = new LogFile(stream, this.#clock, this.#dropped, (error) =>
        this.#logger.error(
          { path, reason: messageOf(error) },
          'an access log cannot be written, its lines are dropped',
        ),
      );
      this.#files.set(path, file);
    }
    return file;
  }

  /** Writes what is gathered and closes the files. */
  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
    this.#files.clear();
  }
}
