import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, connect, createServer } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { HeaderList, RequestHeaders, ResponseHeaders } from '../header-list.ts';
import type { Http2Request } from './connection.ts';
import { errorCode } from './error-code.ts';
import { attach, Recorder } from './socket.fixture.ts';
import type { Http2Stream } from './stream.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

type Handler = (stream: Http2Stream, request: Http2Request, events: Recorder) => void;

/** Our server role on a socket. */
async function serve(handler: Handler): Promise<number> {
  const server = createServer((socket) => {
    cleanups.push(() => socket.destroy());
    attach(
      socket,
      { role: 'server' },
      {
        onRequest(stream, request) {
          const events = new Recorder();
          handler(stream, request, events);
          return events;
        },
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function answer(status: number, fields: Record<string, string> = {}): ResponseHeaders {
  const headers = new ResponseHeaders();
  headers.status = status;
  for (const [name, value] of Object.entries(fields)) headers.append(name, value);
  return headers;
}

/** Sends bytes as fast as the peer takes them. */
function pour(stream: Http2Stream, events: Recorder, bytes: Buffer, trailers?: HeaderList): void {
  let at = 0;
  events.onWritable = () => {
    while (at < bytes.length) {
      const taken = stream.sendData(bytes.subarray(at, at + 50_000));
      at += 50_000;
      if (!taken) return;
    }
    stream.sendEnd(trailers);
  };
  events.onWritable();
}

const megabyte = Buffer.alloc(1024 * 1024, 'lateen ');

const echo: Handler = (stream, request, events) => {
  void events.done.then(() => {
    const fields = [...request.headers].map(([name, value]) => `${name}=${value}`).join('\n');
    const text = events.bytes > 0 ? events.body : Buffer.from(fields);
    stream.sendHead(answer(200, { 'x-path': request.headers.path, 'x-count': '1' }), false);
    const trailers = new HeaderList();
    trailers.append('x-trailer', String(events.bytes));
    pour(stream, events, text, trailers);
  });
};

function client(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {}); // each test looks at its streams
  cleanups.push(() => session.destroy());
  return session;
}

interface Answer {
  headers: http2.IncomingHttpHeaders;
  body: Buffer;
  trailers: http2.IncomingHttpHeaders;
}

async function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body) stream.end(body);
  const chunks: Buffer[] = [];
  const seen: Answer = { headers: {}, body: Buffer.alloc(0), trailers: {} };
  stream.on('response', (head) => {
    seen.headers = head;
  });
  stream.on('trailers', (trailers) => {
    seen.trailers = trailers;
  });
  stream.on('data', (bytes: Buffer) => chunks.push(bytes));
  await once(stream, 'end');
  seen.body = Buffer.concat(chunks);
  return seen;
}

test('node:http2 asks our server: GET, 1 MB both ways, trailers', async () => {
  const session = client(await serve(echo));
  const get = await ask(session, { ':path': '/a?b', 'x-own': 'ü', cookie: ['a=1', 'b=2'] });
  expect(get.headers).toMatchObject({ ':status': 200, 'x-path': '/a?b' });
  expect(get.body.toString()).toContain('cookie=a=1; b=2');
  const post = await ask(session, { ':method': 'POST', ':path': '/' }, megabyte);
  expect(post.body.equals(megabyte)).toBe(true);
  expect(post.trailers['x-trailer']).toBe(String(megabyte.length));
});

test('node:http2 asks our server: many streams at a time, with the same and with other headers', async () => {
  const session = client(await serve(echo));
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      ask(session, { ':path': `/${index}`, 'x-kind': `k${index % 7}`, 'x-long': 'y'.repeat(index) }),
    ),
  );
  answers.forEach(({ headers, body }, index) => {
    expect(headers['x-path']).toBe(`/${index}`);
    expect(body.toString()).toContain(`x-kind=k${index % 7}\nx-long=${'y'.repeat(index)}`);
  });
});

test('node:http2 resets a stream in the middle; others go on', async () => {
  const reset = Promise.withResolvers<number>();
  const port = await serve((stream, request, events) => {
    if (request.headers.path !== '/reset') return echo(stream, request, events);
    stream.sendHead(answer(200), false);
    stream.sendData(megabyte);
    events.onReset = ({ code }) => reset.resolve(code);
  });
  const session = client(port);
  const broken = session.request({ ':path': '/reset' });
  broken.on('error', () => {}); // it is what we do
  broken.once('data', () => broken.close(http2.constants.NGHTTP2_CANCEL));
  expect(await reset.promise).toBe(errorCode.cancel);
  expect((await ask(session, { ':path': '/b' })).headers[':status']).toBe(200);
});

test('node:http2 sees our reset, our interim response and our goaway', async () => {
  const port = await serve((stream, request) => {
    if (request.headers.path === '/reset') return stream.reset(errorCode.internalError);
    stream.sendHead(answer(103, { link: '</x>' }), false);
    stream.sendHead(answer(204), true);
  });
  const session = client(port);
  const broken = session.request({ ':path': '/reset' });
  const [error] = await once(broken, 'error');
  expect(error.message).toContain('INTERNAL_ERROR');
  const stream = session.request({ ':path': '/' });
  const early = once(stream, 'headers');
  const [head] = await once(stream, 'response');
  expect([(await early)[0][':status'], head[':status']]).toEqual([103, 204]);
});

/** A node server and our client role at it. */
async function dial(handler: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void) {
  const server = http2.createServer();
  server.on('stream', handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  cleanups.push(() => {
    socket.destroy();
    server.close();
  });
  const connection = attach(socket, { role: 'client' }, {});
  const request = (path: string, options: { body?: Buffer; method?: string } = {}) => {
    const headers = new RequestHeaders();
    headers.method = options.method ?? (options.body ? 'POST' : 'GET');
    headers.path = path;
    headers.authority = 'a.test';
    headers.append('x-path', path);
    const events = new Recorder();
    const stream = connection.open(headers, events, { end: options.body === undefined })!;
    if (options.body) pour(stream, events, options.body);
    return { stream, events };
  };
  return { connection, request };
}

const nodeEcho = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void => {
  const chunks: Buffer[] = [];
  stream.on('error', () => {}); // resets are what some tests do
  stream.on('data', (bytes: Buffer) => chunks.push(bytes));
  stream.on('end', () => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'x-path': headers['x-path'] }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'yes' }));
    stream.end(Buffer.concat(chunks));
  });
};

test('our client asks node:http2: GET, HEAD, 1 MB both ways, trailers', async () => {
  const { request } = await dial(nodeEcho);
  const get = request('/a');
  const head = request('/h', { method: 'HEAD' });
  const post = request('/b', { body: megabyte });
  await Promise.all([get.events.done, head.events.done, post.events.done]);
  expect(get.events.head?.get('x-path')).toBe('/a');
  expect([head.events.head?.status, head.events.bytes]).toEqual([200, 0]);
  expect(post.events.body.equals(megabyte)).toBe(true);
  expect(post.events.trailers?.get('x-trailer')).toBe('yes');
});

test('our client asks node:http2: many streams, one reset in the middle', async () => {
  const { request, connection } = await dial(nodeEcho);
  const broken = request('/broken', { body: Buffer.alloc(1000) });
  const all = Array.from({ length: 90 }, (_, index) =>
    request(`/${index}`, { body: Buffer.alloc(index * 1000) }),
  );
  broken.stream.reset(errorCode.cancel);
  await Promise.all(all.map(({ events }) => events.done));
  all.forEach(({ events }, index) => {
    expect([events.head?.get('x-path'), events.bytes]).toEqual([`/${index}`, index * 1000]);
  });
  expect([connection.activeStreams, broken.events.ended]).toEqual([0, false]);
});

test('our client sees resets of node:http2', async () => {
  const { request } = await dial((stream) => {
    stream.on('error', () => {}); // it is what we do
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  });
  const { events } = request('/');
  await events.done;
  expect(events.resets).toMatchObject([{ code: errorCode.refusedStream, origin: 'peer', untouched: true }]);
});

test('a paused body stops at the window, and flows on', async () => {
  const { request } = await dial((stream) => {
    stream.respond({ ':status': 200 });
    stream.end(Buffer.concat([megabyte, megabyte, megabyte]));
  });
  const { stream, events } = request('/');
  const onData = events.onData.bind(events);
  const stopped = Promise.withResolvers<void>();
  stream.pause();
  events.onData = (bytes) => {
    onData(bytes);
    if (events.bytes >= 256 * 1024) stopped.resolve();
  };
  await stopped.promise;
  await new Promise((resolve) => setImmediate(resolve));
  expect(events.bytes).toBe(256 * 1024);
  stream.resume();
  await events.done;
  expect(events.bytes).toBe(3 * megabyte.length);
});

test('grpc-js calls our server: unary, with status in trailers, and trailers alone', async () => {
  const port = await serve((stream, request, events) => {
    if (request.headers.path.endsWith('/Fail')) {
      const head = answer(200, {
        'content-type': 'application/grpc',
        'grpc-status': '5',
        'grpc-message': 'none',
      });
      return stream.sendHead(head, true);
    }
    void events.done.then(() => {
      stream.sendHead(answer(200, { 'content-type': 'application/grpc' }), false);
      stream.sendData(events.body);
      const trailers = new HeaderList();
      trailers.append('grpc-status', '0');
      stream.sendEnd(trailers);
    });
  });
  const rpc = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  cleanups.push(() => rpc.close());
  const call = (method: string, message: Buffer) =>
    new Promise<Buffer | number>((resolve) => {
      rpc.makeUnaryRequest(
        `/test.Echo/${method}`,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        message,
        (error, response) => resolve(error ? error.code : response!),
      );
    });
  const message = Buffer.alloc(300_000, 'grpc');
  expect((await call('Echo', message)) as Buffer).toEqual(message);
  expect(await call('Fail', message)).toBe(grpc.status.NOT_FOUND);
});
