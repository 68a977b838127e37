import { connect, createServer } from 'node:net';
import { CommandFailure } from './surroundings.ts';

/** Ports that this process has handed out: the system may offer one twice before its user listens on it. */
const handedOut = new Set<number>();

/** A TCP port of 127.0.0.1 that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => {
        if (handedOut.has(port)) return resolve(freePort());
        handedOut.add(port);
        resolve(port);
      });
    });
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
