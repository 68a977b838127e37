import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Component, LateenError } from '@lateen/runtime';

/** Longest wait for the proxy's own readiness. Milliseconds. */
const probeTimeoutMs = 1000;

/** Where and what to answer. */
export interface StatusServerOptions {
  /** Port on 127.0.0.1; 0 for any. */
  readonly port: number;
  /** Why the workload isn't ready; `undefined` when it is. */
  readonly complaint: () => Promise<string | undefined>;
}

/** Does the proxy's admin endpoint `/ready` answer 200? False without an answer within a second. */
export function isProxyReady(adminPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port: adminPort, path: '/ready', timeout: probeTimeoutMs },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}

/** `/healthz/ready` on loopback: 200 when the workload may get traffic, else 503 with the reason. */
export function createStatusServer(options: StatusServerOptions): Component & { readonly port: number } {
  let server: Server | undefined;
  let port = 0;
  return {
    name: 'agent status',
    get port() {
      return port;
    },
    start: () =>
      new Promise((resolve, reject) => {
        const created = createServer((request, response) => {
          if (request.method !== 'GET' || request.url !== '/healthz/ready') {
            response.writeHead(404).end('only /healthz/ready is served here\n');
            return;
          }
          options.complaint().then(
            (complaint) => {
              response.writeHead(complaint === undefined ? 200 : 503);
              response.end(`${complaint ?? 'ready'}\n`);
            },
            () => response.writeHead(500).end('the probe failed\n'),
          );
        });
        server = created;
        created.once('error', (error) => {
          const message = `the agent cannot listen on 127.0.0.1:${options.port}: ${error.message}`;
          reject(new LateenError(message, { code: 'LTN_AGENT_LISTEN', origin: 'config', cause: error }));
        });
        created.listen(options.port, '127.0.0.1', () => {
          port = (created.address() as AddressInfo).port;
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        if (!server?.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
