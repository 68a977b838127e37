import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type BadInput,
  bytesOf,
  type CountingOrigin,
  objections,
  send,
  startCountingOrigin,
  startScriptedOrigin,
} from './bad-inputs/byte-cases.ts';
import { startProxy } from './bad-inputs/proxy.ts';

const corpora = process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../shared/corpora');
const file = join(corpora, 'bad-inputs.json');
const cases: readonly BadInput[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).cases : [];
const floors = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8'))[
  'bad-inputs'
] as Record<string, number>;

const normalising = { normalize_path: true };
const managers = {
  NONE: { request_headers_timeout: '0.3s', request_timeout: '0.4s', max_request_headers_kb: 60 },
  BASE: normalising,
  MERGE_SLASHES: { ...normalising, merge_slashes: true },
  DECODE_AND_MERGE_SLASHES: {
    ...normalising,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD',
  },
  edge: { use_remote_address: true },
};
type Manager = keyof typeof managers;

describe.skipIf(cases.length === 0)('bad inputs', () => {
  let origin: CountingOrigin;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  const passed = new Map<string, number>();

  beforeAll(async () => {
    origin = await startCountingOrigin();
    proxy = await startProxy(origin.port, managers);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  const port = (manager: Manager): number => proxy.port(manager)!;
  const count = (layer: string): void => void passed.set(layer, (passed.get(layer) ?? 0) + 1);
  const byBytes = cases.filter(
    (badInput) => ['h1', 'path'].includes(badInput.layer) && bytesOf(badInput) !== undefined,
  );
  const byPath = cases.filter(
    (badInput) =>
      badInput.layer === 'path' &&
      badInput.input?.startsWith('/') &&
      badInput.expect.action !== 'policy-applies',
  );
  const ofOrigin = cases.filter(({ layer }) => layer === 'h1-upstream');

  test.each(byBytes.map((badInput) => [`${badInput.id} ${badInput.name}`, badInput] as const))(
    '%s',
    async (_, badInput) => {
      origin.reset();
      const answer = await send(port('NONE'), bytesOf(badInput)!);
      expect(objections(badInput, answer, origin), answer.text.slice(0, 200)).toEqual([]);
      count(badInput.layer);
    },
  );

  test.each(byPath.map((badInput) => [`${badInput.id} ${badInput.name}`, badInput] as const))(
    '%s',
    async (_, badInput) => {
      for (const mode of ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const) {
        origin.reset();
        const answer = await send(
          port(mode),
          `GET ${badInput.input} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
        );
        if (badInput.expect.action === 'reject') {
          expect([answer.statuses[0], origin.requests.length]).toEqual([400, 0]);
          continue;
        }
        const wanted = badInput.expect.action === 'unchanged' ? badInput.input : badInput.expect[mode];
        if (wanted !== undefined) expect(origin.requests[0]?.url, mode).toBe(wanted);
      }
      count('path');
    },
  );

  test.each(ofOrigin.map((badInput) => [`${badInput.id} ${badInput.name}`, badInput] as const))(
    '%s',
    async (_, badInput) => {
      const flood = /^([^]*?) x (\d+)$/.exec(badInput.raw!);
      const answer = flood ? flood[1]!.repeat(Number(flood[2])) : badInput.raw!;
      await using scripted = await startScriptedOrigin(answer);
      await using front = await startProxy(scripted.port, { front: {} });
      const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
      const first = await send(front.port('front')!, request);
      expect(badInput.expect.client_status).toContain(first.statuses[0]);
      expect(first.statuses).toHaveLength(1);
      expect(scripted.sockets[0]?.closed || scripted.sockets[0]?.readableEnded).toBe(true);
      const second = await send(front.port('front')!, request);
      expect(second.text).not.toContain('poison');
      expect(scripted.sockets).toHaveLength(2);
      count('h1-upstream');
    },
  );

  test('h1-100 slowloris: heads that never end are answered 408, other traffic is served', async () => {
    const slow = Array.from({ length: 200 }, () => send(port('NONE'), 'GET / HTTP/1.1\r\nX: a', 2000));
    const other = await send(port('NONE'), 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(other.statuses).toEqual([200]);
    for (const { statuses, closed } of await Promise.all(slow))
      expect([statuses, closed]).toEqual([[408], true]);
    count('h1');
  });

  test('h1-101 a body that trickles is cut off, and the upstream freed', async () => {
    const text = await new Promise<string>((resolve) => {
      let all = '';
      const socket = connect(port('NONE'), '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n');
      });
      const trickle = setInterval(() => socket.write('x'), 50);
      socket.on('data', (bytes) => (all += bytes));
      socket.on('error', () => {}); // the proxy may reset what it no longer reads
      socket.on('close', () => {
        clearInterval(trickle);
        resolve(all);
      });
    });
    expect(text).toMatch(/^HTTP\/1\.1 (408|504|200) /);
    count('h1');
  });

  test.each([
    ['edgeheaders-004', 'x-forwarded-for', '10.0.0.1', '10.0.0.1,127.0.0.1'],
    ['edgeheaders-005', 'x-forwarded-proto', 'https', 'http'],
    ['edgeheaders-008', 'x-envoy-upstream-rq-timeout-ms', '0', undefined],
    ['edgeheaders-009', 'x-envoy-retry-on', '5xx', undefined],
    ['edgeheaders-010', 'x-envoy-decorator-operation', 'evil', undefined],
  ])('%s %s', async (_, name, value, wanted) => {
    origin.reset();
    await send(port('edge'), `GET / HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\nConnection: close\r\n\r\n`);
    expect(origin.requests[0]?.headers[name]).toBe(wanted);
    count('edge-headers');
  });

  test('edgeheaders-011 x-request-id is made anew at the edge', async () => {
    origin.reset();
    await send(port('edge'), 'GET / HTTP/1.1\r\nHost: a\r\nx-request-id: evil\r\nConnection: close\r\n\r\n');
    expect(origin.requests[0]?.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    count('edge-headers');
  });

  test('the floor holds', () => {
    for (const [layer, floor] of Object.entries(floors))
      expect(passed.get(layer), layer).toBeGreaterThanOrEqual(floor);
  });
});
