// CPU per proxied HTTP/1.1 request of our data plane and of a proxy made of node:http, side by side, same load and
// origin: `tools/node e2e/bench/http1.ts [SECONDS]`. Ratios within one run count; the machine's mood changes the rest.
import { fork } from 'node:child_process';
import http from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { startProxy } from '../conformance/bad-inputs/proxy.ts';

const connections = 32;
const request = Buffer.from(
  'GET /index HTTP/1.1\r\nHost: a.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n',
);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n${'x'.repeat(1024)}`,
);

interface Usage {
  readonly requests: number;
  readonly seconds: number;
}

async function serve(kind: string, origin: number): Promise<number> {
  if (kind === 'lateen') return (await startProxy(origin, { bench: {} })).port('bench')!;
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const server = http.createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const forwarded = http.request(
      { host: '127.0.0.1', port: origin, method, path: url, headers, agent },
      (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      },
    );
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Closed loop: each connection sends its next request when its answer is complete. */
function load(port: number, seconds: number): Promise<Usage> {
  let requests = 0;
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let received = 0;
    let expected = -1;
    socket.on('data', (bytes) => {
      if (expected < 0) expected = bytes.indexOf('\r\n\r\n') + 4 + 1024;
      received += bytes.length;
      if (received < expected) return;
      requests += 1;
      received = 0;
      expected = -1;
      socket.write(request);
    });
    return socket;
  });
  return new Promise((resolve) => {
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
      resolve({ requests, seconds });
    }, seconds * 1000);
  });
}

async function measure(kind: string, origin: number, seconds: number): Promise<string> {
  const child = fork(import.meta.filename, [], {
    env: { ...process.env, BENCH_KIND: kind, BENCH_ORIGIN: String(origin) },
  });
  const port = await new Promise<number>((resolve) =>
    child.once('message', (message) => resolve(message as number)),
  );
  const cpu = (): Promise<number> => {
    child.send('cpu');
    return new Promise((resolve) => child.once('message', (message) => resolve(message as number)));
  };
  await load(port, 1); // warm
  const before = await cpu();
  const { requests } = await load(port, seconds);
  const used = (await cpu()) - before;
  child.kill();
  return `${kind}: ${(used / requests).toFixed(1)} µs CPU per request, ${Math.round(requests / seconds)} requests/s`;
}

const { BENCH_KIND: kind, BENCH_ORIGIN: target } = process.env;
if (kind) {
  const port = await serve(kind, Number(target));
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.send?.(port);
} else {
  const origin = createServer((socket) => {
    socket.on('error', () => {}); // the proxy closes as it likes
    socket.on('data', () => socket.write(answer));
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port } = origin.address() as AddressInfo;
  for (const candidate of ['lateen', 'node:http', 'lateen', 'node:http']) {
    console.log(await measure(candidate, port, Number(process.argv[2] ?? 3)));
  }
  origin.close();
}
