import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { CommandFailure } from './surroundings.ts';

/** Ports that this process has handed out: their users may not listen yet. */
const handedOut = new Set<number>();

/**
 * Below what systems give to outgoing connections (from 32 768 on): a port in that range may be taken by somebody's
 * connection between now and when its user listens.
 */
const range = { from: 20_000, until: 32_000 } as const;

/** A TCP port of 127.0.0.1 that nobody uses. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(range.from, range.until);
    if (handedOut.has(port) || !(await canListen(port))) continue;
    handedOut.add(port);
    return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Makes sure that a port can be listened on. @throws CommandFailure that names the port and the way out. */
export function claimPort(port: number, purpose: string, option: string): Promise<number> {
  if (port === 0) return freePort();
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'is taken by another process' : `can't be used (${error.code})`;
      reject(new CommandFailure(`port ${port} (${purpose}) ${why}: stop its owner or give ${option}`));
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });
}

/** Does somebody listen on a port of 127.0.0.1? */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
