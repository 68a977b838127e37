import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { fixedCluster, listen, startProxy } from './proxy-fixture.ts';

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

test('clients and servers that break off anywhere: every answer belongs to its request, every count returns to zero', async () => {
  const random = seeded(20_261_125);
  const origin = await listen((socket) => {
    let text = '';
    socket.on('end', () => socket.end());
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const path = text.split(' ')[1]!;
      const length = Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      text = '';
      const fate = random();
      if (fate < 0.1) return void socket.destroy();
      if (fate < 0.15) return void socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n${path}`);
      if (fate < 0.2)
        return void socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
      if (fate < 0.3) return void socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${path}`);
      const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${path.length.toString(16)}\r\n${path}\r\n0\r\n\r\n`;
      if (fate < 0.6) return void socket.write(answer);
      socket.write(answer.slice(0, 30));
      setImmediate(() => socket.write(answer.slice(30)));
    });
  });
  const proxy = await startProxy({
    clusters: [fixedCluster('origin', [origin.port])],
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          {
            match: { prefix: '/' },
            route: { cluster: 'origin', retryPolicy: { retryOn: 'reset,5xx', numRetries: 2 } },
          },
        ],
      },
    ],
  });
  let answered = 0;
  const client = (id: number): Promise<void> =>
    new Promise((resolve) => {
      let sent = 0;
      let path = '';
      let text = '';
      const socket = connect(proxy.port, '127.0.0.1');
      const next = (): void => {
        if (sent++ >= 8) return void socket.destroy();
        path = `/${id}-${sent}`;
        text = '';
        const body = 'b'.repeat(Math.floor(random() * 3000));
        const request = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        const cut = Math.floor(random() * request.length);
        socket.write(request.slice(0, cut));
        if (random() < 0.1) return void setTimeout(() => socket.destroy(), random() * 5);
        setImmediate(() => socket.write(request.slice(cut)));
      };
      socket.on('connect', next);
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        const head = text.indexOf('\r\n\r\n');
        const length = /content-length: (\d+)\r\n/.exec(text)?.[1];
        const whole =
          length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= head + 4 + Number(length);
        const complete = head > 0 && whole;
        if (!complete) return;
        if (text.startsWith('HTTP/1.1 200')) {
          expect(text).toContain(`\r\n${path}\r\n`);
          answered += 1;
        }
        next();
      });
      socket.on('error', () => {}); // the proxy breaks off what the origin broke off
      socket.on('close', () => resolve());
    });
  await Promise.all(Array.from({ length: 100 }, (_, id) => client(id)));
  // What the last clients left behind ends with the proxy's reading of their close.
  const settled = (): boolean => proxy.clusters.get('origin')!.breakers.requests === 0;
  for (let turn = 0; turn < 1000 && !settled(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  expect(answered).toBeGreaterThan(100);
  expect(proxy.clusters.get('origin')!.breakers).toMatchObject({
    requests: 0,
    pendingRequests: 0,
    retries: 0,
  });
  const text = proxy.metrics.text();
  expect(text).toMatch(/envoy_http_downstream_rq_active\{[^}]*\} 0\n/);
  expect(text).toMatch(/envoy_cluster_upstream_rq_active\{[^}]*\} 0\n/);
  proxy.close();
  origin.server.close();
});
