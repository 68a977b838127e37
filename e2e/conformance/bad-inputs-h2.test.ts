import { existsSync, readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BadInput, type CountingOrigin, startCountingOrigin } from './bad-inputs/byte-cases.ts';
import { startProxy } from './bad-inputs/proxy.ts';

const corpora = process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../shared/corpora');
const file = join(corpora, 'bad-inputs.json');
type H2Case = BadInput & { readonly hex?: string };
const all: readonly H2Case[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).cases : [];
const cases = all.filter(({ layer, hex }) => layer === 'h2' && hex !== undefined);
const floor: number = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8'))[
  'bad-inputs-h2'
].h2;

const { constants } = http2;
const codes: Readonly<Record<string, number>> = {
  PROTOCOL_ERROR: constants.NGHTTP2_PROTOCOL_ERROR,
  FLOW_CONTROL_ERROR: constants.NGHTTP2_FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR: constants.NGHTTP2_FRAME_SIZE_ERROR,
  COMPRESSION_ERROR: constants.NGHTTP2_COMPRESSION_ERROR,
  STREAM_CLOSED: constants.NGHTTP2_STREAM_CLOSED,
};

interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    frames.push({ type: bytes[at + 3]!, payload: bytes.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  return frames;
}

/** Sends bytes; answers the frames that came until the connection was closed, or nothing more did. */
function send(port: number, bytes: Buffer, quietMs = 150): Promise<{ frames: Frame[]; closed: boolean }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const finish = (closed: boolean): void => {
      clearTimeout(quiet);
      socket.destroy();
      resolve({ frames: framesOf(Buffer.concat(chunks)), closed });
    };
    const quiet = setTimeout(() => finish(false), quietMs);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      quiet.refresh();
    });
    socket.on('error', () => {}); // the proxy may cut it
    socket.on('close', () => finish(true));
    socket.on('end', () => finish(true));
  });
}

function frame(type: number, flags: number, id: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

const start = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);
const get = Buffer.from('828684410161', 'hex'); // GET http / of authority a
const enhanceYourCalm = constants.NGHTTP2_ENHANCE_YOUR_CALM;

describe.skipIf(cases.length === 0)('bad inputs of HTTP/2', () => {
  let origin: CountingOrigin;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let passed = 0;

  beforeAll(async () => {
    origin = await startCountingOrigin();
    proxy = await startProxy(origin.port, { h2: { codec_type: 'HTTP2' } });
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });
  const port = (): number => proxy.port('h2')!;

  test('a good request is answered', async () => {
    const { frames } = await send(port(), Buffer.concat([start, frame(1, 5, 1, get)]));
    expect(frames.map(({ type }) => type)).toEqual(expect.arrayContaining([1, 0]));
  });

  test.each(cases.map((badInput) => [`${badInput.id} ${badInput.name}`, badInput] as const))(
    '%s',
    async (_, badInput) => {
      origin.reset();
      const { frames, closed } = await send(port(), Buffer.from(badInput.hex!, 'hex'));
      const { action, code, upstream_requests_max: most } = badInput.expect;
      const code32 = ({ payload }: Frame, at: number): number => payload.readUInt32BE(at);
      if (action === 'connection-error') {
        expect(closed).toBe(true);
        const goAways = frames.filter(({ type }) => type === 7).map((goAway) => code32(goAway, 4));
        if (code !== 'close') expect(goAways).toContain(codes[String(code)]);
      } else if (action === 'stream-error') {
        const resets = frames.filter(({ type }) => type === 3).map((reset) => code32(reset, 0));
        expect(resets).toContain(codes[String(code)]);
      }
      // A body that doesn't keep to its length leaves the head sent, and the request never complete.
      const reached = badInput.id === 'h2-044' ? origin.complete : origin.requests.length;
      expect(reached).toBeLessThanOrEqual(most ?? 0);
      if (badInput.id === 'h2-043') expect(origin.requests[0]?.headers.host).toBe('a');
      passed += 1;
    },
  );

  const ids = Array.from({ length: 2000 }, (_, index) => index * 2 + 1);
  test.each<[string, () => Buffer[]]>([
    [
      'h2-047 MadeYouReset',
      () => ids.flatMap((id) => [frame(1, 5, id, get), frame(8, 0, id, Buffer.alloc(4))]),
    ],
    ['h2-049 PING flood', () => new Array(100_000).fill(frame(6, 0, 0, Buffer.alloc(8)))],
    ['h2-050 SETTINGS flood', () => new Array(100_000).fill(frame(4, 0, 0))],
    ['h2-051 PRIORITY flood', () => new Array(100_000).fill(frame(2, 0, 1, Buffer.alloc(5)))],
    ['h2-052 empty frames', () => [frame(1, 0, 1, get), ...new Array(10_000).fill(frame(9, 0, 1))]],
  ])('%s', async (_, frames) => {
    const answer = await send(port(), Buffer.concat([start, ...frames()]), 500);
    expect(answer.closed).toBe(true);
    const goAway = answer.frames.find(({ type }) => type === 7);
    if (goAway) expect(goAway.payload.readUInt32BE(4)).toBe(enhanceYourCalm);
    passed += 1;
  });

  test('the floor holds', () => {
    expect(passed).toBeGreaterThanOrEqual(floor);
  });
});
