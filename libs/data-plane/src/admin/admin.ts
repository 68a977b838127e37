import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { type Component, LateenError, messageOf, type MetricsRegistry } from '@lateen/runtime';
import { addressLabel, type NetworkAddress } from '../bootstrap/address.ts';
import type { AdminState } from './admin-state.ts';
import { certificates, clusterLines, configDump, listenerLines, serverInfo, statsLines } from './pages.ts';

export type { AdminState } from './admin-state.ts';

/** What the admin server uses beside the state. */
export interface AdminOptions {
  readonly metrics: MetricsRegistry;
  readonly onQuit?: () => void;
}

interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

const json = (value: unknown): Reply => ({
  type: 'application/json',
  body: `${JSON.stringify(value, undefined, 1)}\n`,
});
const text = (body: string, status = 200): Reply => ({ body, status });

type Page = { readonly method: 'GET' | 'POST'; readonly answer: (query: URLSearchParams) => Reply };

function pagesOf(state: AdminState, options: AdminOptions): ReadonlyMap<string, Page> {
  const get = (answer: Page['answer']): Page => ({ method: 'GET', answer });
  const post = (answer: Page['answer']): Page => ({ method: 'POST', answer });
  const pages = new Map<string, Page>([
    ['/ready', get(() => text(`${state.state}\n`, state.state === 'LIVE' ? 200 : 503))],
    ['/config_dump', get(() => json(configDump(state)))],
    ['/clusters', get(() => text(clusterLines(state)))],
    [
      '/listeners',
      get((query) =>
        query.get('format') === 'json'
          ? json(listenerLines(state, 'json'))
          : text(String(listenerLines(state, 'text'))),
      ),
    ],
    [
      '/stats',
      get((query) =>
        query.get('format') === 'prometheus' ? prometheus() : text(statsLines(options.metrics)),
      ),
    ],
    ['/stats/prometheus', get(() => prometheus())],
    ['/server_info', get(() => json(serverInfo(state)))],
    ['/certs', get(() => json(certificates(state)))],
    [
      '/drain_listeners',
      post(() => {
        state.drain();
        return text('OK\n');
      }),
    ],
    [
      '/quitquitquit',
      post(() => {
        options.onQuit?.();
        return text('OK\n');
      }),
    ],
  ]);
  const prometheus = (): Reply => ({
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: options.metrics.text(),
  });
  pages.set(
    '/',
    get(() => text([...pages.keys()].map((path) => `${path}\n`).join(''))),
  );
  return pages;
}

/** A name that leads elsewhere in DNS could be pointed at us by a web page; addresses and localhost can't. */
function isOwnHost(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}

function answer(request: IncomingMessage, pages: ReadonlyMap<string, Page>): Reply {
  if (!isOwnHost(request.headers.host) || request.headers.origin !== undefined) {
    return text('only local tools may ask, by address or as localhost\n', 403);
  }
  const url = new URL(request.url ?? '/', 'http://localhost');
  const page = pages.get(url.pathname);
  if (!page) return text('invalid path, see / for the list\n', 404);
  if (page.method !== request.method && !(page.method === 'GET' && request.method === 'HEAD')) {
    return text(`method ${request.method ?? ''} is not allowed, use ${page.method}\n`, 405);
  }
  return page.answer(url.searchParams);
}

/** Envoy's admin server. It changes nothing but by POST, and shows no private key. */
export function createAdmin(
  address: NetworkAddress,
  state: AdminState,
  options: AdminOptions,
): Component & { readonly port: number } {
  const pages = pagesOf(state, options);
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    let reply: Reply;
    try {
      reply = answer(request, pages);
    } catch (error) {
      reply = text(`${messageOf(error)}\n`, 500);
    }
    request.resume();
    response.writeHead(reply.status ?? 200, {
      'content-type': reply.type ?? 'text/plain; charset=utf-8',
      'cache-control': 'no-cache, max-age=0',
      'x-content-type-options': 'nosniff',
    });
    response.end(reply.body);
  };
  const server: Server = createServer({ requestTimeout: 10_000 }, serve);
  let port = address.kind === 'socket' ? address.port : 0;
  return {
    name: 'admin',
    get port() {
      return port;
    },
    start: () =>
      new Promise((resolve, reject) => {
        const fail = (error: Error): void => {
          const taken = 'code' in error && error.code === 'EADDRINUSE';
          const reason = taken ? 'the address is taken, stop its owner or choose another' : messageOf(error);
          reject(
            new LateenError(`the admin server cannot listen on ${addressLabel(address)}: ${reason}`, {
              code: 'LTN_ADMIN_LISTEN',
              origin: 'config',
              cause: error,
            }),
          );
        };
        server.once('error', fail);
        const listening = (): void => {
          server.off('error', fail);
          const bound = server.address();
          if (bound && typeof bound === 'object') port = bound.port;
          resolve();
        };
        if (address.kind === 'pipe') server.listen(address.path, listening);
        else if (address.kind === 'socket') server.listen(address.port, address.host, listening);
        else fail(new Error("an internal address can't be listened on"));
      }),
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
