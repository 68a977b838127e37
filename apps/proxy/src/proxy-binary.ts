import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { isProxyReady } from '@lateen/agent';
import { type Clock, type Component, LateenError, type Logger, messageOf, sleep } from '@lateen/runtime';

/** A proxy of somebody else's that takes Envoy's command line: stock Envoy. */
export interface ProxyBinaryOptions {
  /** Path of the program. */
  readonly binary: string;
  /** Bootstrap file of the agent; read when the component starts. */
  readonly bootstrapFile: string;
  readonly adminPort: number;
  /** Longest wait for requests and TCP connections under way at a stop. Milliseconds. */
  readonly stopDrainMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Is called when the program ends by itself. */
  readonly onEnd: () => void;
}

const pollMs = 50;
/** After SIGTERM this long until SIGKILL. Milliseconds. */
const killAfterMs = 2000;
const adminTimeoutMs = 1000;

/**
 * Runs a proxy binary on a bootstrap file. `start` resolves when its admin endpoint says that it is ready; `stop` drains
 * its listeners, waits, bounded, for what is under way, and ends it.
 * @throws LateenError LTN_PROXY_BINARY when it can't be started or ends before it is ready
 */
export function createProxyBinary(options: ProxyBinaryOptions): Component {
  const { binary, adminPort, clock, logger } = options;
  let child: ChildProcess | undefined;
  let end: string | undefined;
  let gone: Promise<void> = Promise.resolve();
  let stopping = false;

  const launch = (): void => {
    const drainSeconds = Math.max(1, Math.ceil(options.stopDrainMs / 1000));
    const started = spawn(
      binary,
      [
        '-c',
        options.bootstrapFile,
        // Several proxies share a machine; without hot restart they don't meet in shared memory.
        '--disable-hot-restart',
        '--concurrency',
        '2',
        '--drain-time-s',
        String(drainSeconds),
        '-l',
        'warning',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child = started;
    for (const stream of [started.stdout, started.stderr])
      createInterface({ input: stream }).on('line', (line) => logger.info({ line }, 'proxy binary'));
    gone = new Promise((resolve) => {
      started.once('error', (error) => {
        end = `cannot be started: ${error.message}`;
        resolve();
      });
      started.once('close', (code, signal) => {
        end ??= `ended with ${signal ?? `exit code ${code}`}`;
        resolve();
        if (!stopping) options.onEnd();
      });
    });
  };

  const admin = async (method: 'GET' | 'POST', path: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
      method,
      signal: AbortSignal.timeout(adminTimeoutMs),
    });
    return response.text();
  };

  const drain = async (): Promise<void> => {
    const deadline = clock.monotonic() + options.stopDrainMs;
    await admin('POST', '/drain_listeners?graceful');
    while (end === undefined && clock.monotonic() < deadline) {
      if (underWay(await admin('GET', '/stats?usedonly&filter=downstream_(rq|cx)_active$')) === 0) return;
      await sleep(clock, pollMs);
    }
  };

  return {
    name: 'proxy binary',
    async start() {
      launch();
      while (!(await isProxyReady(adminPort))) {
        if (end !== undefined)
          throw new LateenError(`${binary} ${end}`, { code: 'LTN_PROXY_BINARY', origin: 'config' });
        await sleep(clock, pollMs);
      }
    },
    async stop() {
      stopping = true;
      if (end !== undefined || !child) return;
      await drain().catch((error: unknown) =>
        logger.warn({ err: error }, `the proxy binary was not drained: ${messageOf(error)}`),
      );
      child.kill('SIGTERM');
      const cut = clock.after(killAfterMs, () => child?.kill('SIGKILL'));
      await gone;
      cut.cancel();
    },
  };
}

/**
 * Requests and TCP connections under way, by Envoy's statistics as its admin endpoint prints them. Idle HTTP connections
 * and the admin endpoint's own don't count.
 */
export function underWay(statistics: string): number {
  let sum = 0;
  for (const line of statistics.split('\n')) {
    const match = /^(http|tcp)\.(.+)\.downstream_(rq|cx)_active: (\d+)$/.exec(line);
    if (!match || match[2] === 'admin') continue;
    if ((match[1] === 'http') === (match[3] === 'rq')) sum += Number(match[4]);
  }
  return sum;
}
