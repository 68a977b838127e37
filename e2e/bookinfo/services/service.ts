/** The frame of every Bookinfo service: one HTTP server on `PORT`, JSON answers, a health check, a clean stop. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A request that matched a path, with what a handler needs of it. */
export interface Call {
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** Text after the path's prefix, for instance a product's id. */
  readonly rest: string;
  body(): Promise<string>;
}

/** An answer: JSON when `json` is there, else `text`. */
export interface Answer {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Handlers by `METHOD /prefix`; the longest prefix wins. */
export type Routes = Readonly<Record<string, (call: Call) => Promise<Answer> | Answer>>;

// What a service hands on so that one user's request can be followed and routed through the mesh.
const propagated = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'b3',
  'end-user',
  'user-agent',
];

/** Headers of an incoming call that its outgoing calls must carry. */
export function forwarded(headers: IncomingMessage['headers']): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name of propagated) {
    const value = headers[name];
    if (typeof value === 'string') result[name] = value;
  }
  return result;
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 65_536) throw new Error('body too long');
  }
  return text;
}

function send(response: ServerResponse, answer: Answer): void {
  const body = answer.text ?? JSON.stringify(answer.json ?? null);
  const type = answer.text === undefined ? 'application/json' : 'text/html; charset=utf-8';
  response.writeHead(answer.status ?? 200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...answer.headers,
  });
  response.end(body);
}

/** Is a path the prefix itself, or below it? The root covers itself alone. */
function covers(prefix: string, path: string): boolean {
  return path === prefix || (prefix !== '/' && path.startsWith(`${prefix}/`));
}

/** Serves `routes` on 127.0.0.1:`PORT` until SIGTERM or SIGINT; open requests finish first. */
export function serve(name: string, routes: Routes): void {
  const table = Object.entries(routes)
    .map(([key, handle]) => {
      const [method = '', prefix = ''] = key.split(' ');
      return { method, prefix, handle };
    })
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://local');
    if (url.pathname === '/health') return send(response, { json: { status: `${name} is healthy` } });
    const route = table.find(
      (entry) => entry.method === request.method && covers(entry.prefix, url.pathname),
    );
    if (!route)
      return send(response, {
        status: 404,
        json: { error: `${name} has no ${request.method} ${url.pathname}` },
      });
    const rest = url.pathname.slice(route.prefix.length).replace(/^\//, '');
    Promise.resolve(
      route.handle({ url, headers: request.headers, rest, body: () => readBody(request) }),
    ).then(
      (answer) => send(response, answer),
      (error: unknown) => send(response, { status: 500, json: { error: String(error) } }),
    );
  });
  server.keepAliveTimeout = 60_000;
  server.listen(Number(process.env.PORT ?? 9080), '127.0.0.1');
  const stop = (): void => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
