import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HpackEncoder } from '../src/hpack/encoder.ts';
import { Bench, frame } from '../src/http2/socket.fixture.ts';
import { preface } from '../src/http2/frame.ts';
import { RequestHeaders, ResponseHeaders } from '../src/index.ts';

// Long form: LATEEN_SOAK=1 through `npm run fuzz`.
const numRuns = process.env.LATEEN_SOAK ? 300_000 : 6000;
const seed = 20_261_125;

function block(...fields: [string, string][]): Buffer {
  const encoder = new HpackEncoder({ maxTableBytes: 0 });
  encoder.begin();
  for (const [name, value] of fields) encoder.add(name, value);
  return Buffer.from(encoder.end());
}

const get = block([':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'a']);
const post = block(
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/x'],
  ['content-length', '3'],
  ['cookie', 'a'],
);
const answer = block([':status', '200'], ['x', 'y']);
const start = Buffer.concat([preface, frame(4, 0, 0)]);

const id = fc.constantFrom(0, 1, 1, 1, 3, 3, 5, 2);
const payload = fc.oneof(
  fc.constantFrom(get, post, answer, block(['t', 'u']), Buffer.from('abc'), Buffer.alloc(4), Buffer.alloc(8)),
  fc.constantFrom(Buffer.alloc(0), Buffer.from('7fffffff', 'hex'), Buffer.from('000400000000', 'hex')),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
);
const anyFrame = fc.oneof(
  { weight: 4, arbitrary: id.map((stream) => frame(1, 5, stream, get)) },
  { weight: 4, arbitrary: id.map((stream) => frame(1, 4, stream, post)) },
  { weight: 2, arbitrary: id.map((stream) => frame(0, 1, stream, Buffer.from('abc'))) },
  { weight: 2, arbitrary: id.map((stream) => frame(1, 4, stream, answer)) },
  {
    weight: 3,
    arbitrary: id.map((stream) =>
      Buffer.concat([frame(1, 1, stream, get.subarray(0, 3)), frame(9, 4, stream, get.subarray(3))]),
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(10), fc.nat(63), id, payload)
      .map(([type, flags, stream, bytes]) => frame(type, flags, stream, bytes)),
  },
);
const mutation = fc.tuple(fc.nat(2000), fc.nat(255));
const session = fc.record({
  frames: fc.array(anyFrame, { maxLength: 25 }),
  mutations: fc.array(mutation, { maxLength: 3 }),
  cuts: fc.array(fc.nat(2000), { maxLength: 30 }),
});

function bytesOf(
  { frames, mutations }: { frames: Buffer[]; mutations: [number, number][] },
  from: Buffer,
): Buffer {
  const all = Buffer.concat([from, ...frames]);
  for (const [at, value] of mutations) if (at >= from.length && at < all.length) all[at] = value;
  return all;
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

/** What a server made of it, and what it sent. Every request is answered at once, with a body. */
function served(pieces: readonly Buffer[]): unknown {
  const bench = new Bench(
    { role: 'server', limits: { maxConcurrentStreams: 3, maxHeaderBytes: 500 } },
    (stream) => {
      const headers = new ResponseHeaders();
      headers.status = 200;
      stream.sendHead(headers, false);
      stream.sendData(Buffer.from('answer'));
    },
  );
  for (const piece of pieces) bench.connection.feed(piece);
  const events = bench.requests.map(({ request, events: seen }) => {
    return [[...request.headers], request.end, seen.body.toString('hex'), seen.ended, seen.resets];
  });
  return { events, failure: bench.failure, output: bench.output().toString('hex') };
}

/** The same of a client with three requests under way. */
function asked(pieces: readonly Buffer[]): unknown {
  const bench = new Bench({ role: 'client', limits: { maxHeaderBytes: 500 } });
  const streams = ['GET', 'HEAD', 'POST'].map((method) => {
    const request = new RequestHeaders();
    request.method = method;
    request.path = '/';
    request.authority = 'a';
    return bench.open(request, method !== 'POST');
  });
  for (const piece of pieces) bench.connection.feed(piece);
  const events = streams.map(({ events: seen }) => [
    seen.head?.status,
    seen.informational,
    seen.body.toString('hex'),
    seen.ended,
    seen.resets,
  ]);
  return { events, failure: bench.failure, output: bench.output().toString('hex') };
}

test('a server reads any bytes without a throw, and the same however they are split', () => {
  fc.assert(
    fc.property(session, (given) => {
      const bytes = bytesOf(given, start);
      expect(served(split(bytes, given.cuts))).toEqual(served([bytes]));
    }),
    { numRuns, seed },
  );
});

test('a client reads any bytes without a throw, and the same however they are split', () => {
  fc.assert(
    fc.property(session, (given) => {
      const bytes = bytesOf(given, frame(4, 0, 0));
      expect(asked(split(bytes, given.cuts))).toEqual(asked([bytes]));
    }),
    { numRuns, seed },
  );
});

test('a small block that stands for megabytes is not kept, and its stream is refused', () => {
  const encoder = new HpackEncoder();
  encoder.begin();
  encoder.add('x', 'y'.repeat(1900));
  const bomb = Buffer.concat([get, encoder.end(), Buffer.alloc(14_000, 0xbe)]);
  const bench = new Bench({ role: 'server' });
  bench.connection.feed(start);
  const before = process.memoryUsage().heapUsed;
  for (let stream = 1; stream < 200; stream += 2)
    bench.connection.feed(
      frame(1, 5, stream, stream === 1 ? bomb : Buffer.concat([get, Buffer.alloc(16_000, 0xbe)])),
    );
  expect(bench.requests).toHaveLength(0);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
});
