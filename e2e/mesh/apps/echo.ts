/**
 * An origin that tells what it saw. `GET /…` answers its name and the request; `?status=503&times=2` fails that often
 * first, `?delay=300` waits. `GET /seen` lists what came since `POST /forget`. `TCP_PORT` also echoes bytes, greeting
 * first (a server-first protocol).
 */
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, unknown>;
}

const name = process.env.ECHO_NAME ?? 'echo';
const seen: Seen[] = [];
const failures = new Map<string, number>();

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://local');
  const answer = (status: number, body: unknown): void => {
    const text = JSON.stringify(body);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  };
  request.resume();
  if (url.pathname === '/seen') return answer(200, seen);
  if (url.pathname === '/forget') {
    seen.length = 0;
    failures.clear();
    return answer(200, {});
  }
  if (seen.length < 100_000)
    seen.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers });
  const status = Number(url.searchParams.get('status') ?? 200);
  const times = Number(url.searchParams.get('times') ?? Number.POSITIVE_INFINITY);
  const key = url.searchParams.get('key') ?? '';
  const failed = failures.get(key) ?? 0;
  const fails = status !== 200 && failed < times;
  if (fails) failures.set(key, failed + 1);
  setTimeout(
    () =>
      answer(fails ? status : 200, {
        name,
        method: request.method,
        path: request.url,
        headers: request.headers,
      }),
    Number(url.searchParams.get('delay') ?? 0),
  );
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env.PORT), '127.0.0.1');

const tcp = createTcpServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.write(`hello from ${name}\n`);
  socket.pipe(socket);
});
if (process.env.PORT_TCP) tcp.listen(Number(process.env.PORT_TCP), '127.0.0.1');

const stop = (): void => {
  tcp.close();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
