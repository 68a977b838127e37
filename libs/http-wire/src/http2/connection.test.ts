import { describe, expect, test } from 'vitest';
import { HeaderList, RequestHeaders, ResponseHeaders } from '../header-list.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import { errorCode } from './error-code.ts';
import { preface } from './frame.ts';
import type { Http2Limits } from './limits.ts';
import { Bench, exchange, frame, framesOf, Recorder } from './socket.fixture.ts';

function block(...fields: [string, string][]): Buffer {
  const encoder = new HpackEncoder({ maxTableBytes: 0 });
  encoder.begin();
  for (const [name, value] of fields) encoder.add(name, value);
  return Buffer.from(encoder.end());
}

const get: [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];
const post: [string, string][] = [[':method', 'POST'], ...get.slice(1)];
const start = Buffer.concat([preface, frame(4, 0, 0)]);
const headers = (id: number, flags: number, fields: [string, string][] = get): Buffer =>
  frame(1, flags, id, block(...fields));
const endAll = 0x5;
const open = 0x4;

function server(limits?: Partial<Http2Limits>): Bench {
  const bench = new Bench({ role: 'server', ...(limits ? { limits } : {}) });
  bench.connection.feed(start);
  bench.output();
  return bench;
}

function request(path = '/', method = 'GET'): RequestHeaders {
  const list = new RequestHeaders();
  list.method = method;
  list.path = path;
  list.authority = 'a.test';
  return list;
}

function response(status: number): ResponseHeaders {
  const list = new ResponseHeaders();
  list.status = status;
  return list;
}

const { protocolError, frameSizeError, flowControlError, streamClosed, compressionError, enhanceYourCalm } =
  errorCode;

describe('what ends a connection', () => {
  test.each<[string, number, Buffer[]]>([
    ['HEADERS on stream 0', protocolError, [headers(0, endAll)]],
    ['an even stream', protocolError, [headers(2, endAll)]],
    ['a stream older than the newest', protocolError, [headers(5, endAll), headers(3, endAll)]],
    ['DATA on an idle stream', protocolError, [frame(0, 1, 1, '78')]],
    ['RST_STREAM on an idle stream', protocolError, [frame(3, 0, 1, '00000000')]],
    ['RST_STREAM of a wrong size', frameSizeError, [headers(1, open), frame(3, 0, 1, '0000')]],
    ['a frame too large', frameSizeError, [frame(0, 0, 1, Buffer.alloc(16_385))]],
    ['SETTINGS of a wrong size', frameSizeError, [frame(4, 0, 0, '000300')]],
    ['SETTINGS on a stream', protocolError, [frame(4, 0, 1)]],
    ['a SETTINGS answer with a payload', frameSizeError, [frame(4, 1, 0, '000300000001')]],
    ['an initial window beyond 2^31-1', flowControlError, [frame(4, 0, 0, '000480000000')]],
    ['a maximal frame size too small', protocolError, [frame(4, 0, 0, '000500000001')]],
    ['PING of a wrong size', frameSizeError, [frame(6, 0, 0, '00')]],
    ['PING on a stream', protocolError, [frame(6, 0, 1, '0000000000000000')]],
    ['a connection window beyond 2^31-1', flowControlError, [frame(8, 0, 0, '7fffffff')]],
    ['CONTINUATION alone', protocolError, [frame(9, 4, 1)]],
    ['a frame inside a header block', protocolError, [headers(1, 0x1), frame(6, 0, 0, '0000000000000000')]],
    ['DATA inside a header block', protocolError, [headers(1, 0x1), frame(0, 0, 1, '78')]],
    ['padding longer than HEADERS', protocolError, [frame(1, 0xd, 1, 'ff82')]],
    ['padding longer than DATA', protocolError, [headers(1, open), frame(0, 8, 1, '0901')]],
    ['padded DATA without a byte', protocolError, [headers(1, open), frame(0, 8, 1)]],
    ['a malformed header block', compressionError, [frame(1, endAll, 1, '80')]],
    ['PUSH_PROMISE', protocolError, [frame(5, 4, 1, '00000002')]],
    ['GOAWAY on a stream', protocolError, [frame(7, 0, 1, '0000000000000000')]],
    ['PRIORITY on stream 0', protocolError, [frame(2, 0, 0, '0000000000')]],
    ['a PING flood', enhanceYourCalm, Array.from({ length: 1001 }, () => frame(6, 0, 0, '0000000000000000'))],
    ['a SETTINGS flood', enhanceYourCalm, Array.from({ length: 1001 }, () => frame(4, 0, 0))],
    ['a PRIORITY flood', enhanceYourCalm, Array.from({ length: 101 }, () => frame(2, 0, 1, '0000000000'))],
    ['a WINDOW_UPDATE flood', enhanceYourCalm, Array.from({ length: 6 }, () => frame(8, 0, 0, '00000001'))],
    ['empty DATA', enhanceYourCalm, [headers(1, open), frame(0, 0, 1), frame(0, 0, 1)]],
    ['empty CONTINUATION', enhanceYourCalm, [frame(1, 1, 1), frame(9, 0, 1)]],
    [
      'a CONTINUATION flood',
      enhanceYourCalm,
      [headers(1, 1), ...Array.from({ length: 9 }, () => frame(9, 0, 1, '00016100'))],
    ],
    [
      'rapid resets',
      enhanceYourCalm,
      Array.from({ length: 251 }, (_, i) => [
        headers(i * 2 + 1, endAll),
        frame(3, 0, i * 2 + 1, '00000008'),
      ]).flat(),
    ],
    [
      'resets that we are made to send',
      enhanceYourCalm,
      Array.from({ length: 251 }, (_, i) => [
        headers(i * 2 + 1, endAll),
        frame(8, 0, i * 2 + 1, '00000000'),
      ]).flat(),
    ],
  ])('%s', (_, code, frames) => {
    const bench = server();
    for (const bytes of frames) bench.connection.feed(bytes);
    expect(bench.failure?.code).toBe(code);
    const last = framesOf(bench.output()).at(-1)!;
    expect([last.type, last.payload.readUInt32BE(4)]).toEqual([7, code]);
    for (const { events } of bench.requests) expect(events.resets.length).toBeLessThanOrEqual(1);
    expect(bench.connection.activeStreams).toBe(0);
  });

  test('a preface of something else, and SETTINGS that do not come first', () => {
    const other = new Bench({ role: 'server' });
    other.connection.feed(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX'));
    expect(other.failure?.code).toBe(protocolError);
    const late = new Bench({ role: 'server' });
    late.connection.feed(Buffer.concat([preface, headers(1, endAll)]));
    expect([late.failure?.code, late.requests.length]).toEqual([protocolError, 0]);
  });

  test('DATA on a stream that has ended', () => {
    const bench = server();
    bench.connection.feed(headers(1, endAll));
    bench.requests[0]!.stream.sendHead(response(200), true);
    bench.connection.feed(frame(0, 1, 1, '78'));
    expect(bench.failure?.code).toBe(streamClosed);
  });
});

describe('what ends a stream alone', () => {
  const bad = (...fields: [string, string][]): Buffer[] => [headers(1, endAll, fields)];
  test.each<[string, number, Buffer[]]>([
    ['no :method', protocolError, bad(...get.slice(1))],
    ['no :path', protocolError, bad(get[0]!, get[1]!, get[3]!)],
    ['an empty :path', protocolError, bad(get[0]!, get[1]!, [':path', ''])],
    ['a :path that is none', protocolError, bad(get[0]!, get[1]!, [':path', 'x'])],
    ['a :path with a space', protocolError, bad(get[0]!, get[1]!, [':path', '/ HTTP/1.1'])],
    ['a :scheme that is none', protocolError, bad(get[0]!, [':scheme', 'http://evil/?'], get[2]!)],
    ['a :method with a space', protocolError, bad([':method', 'GET /'], ...get.slice(1))],
    ['a pseudo header twice', protocolError, bad(...get, get[2]!)],
    ['an unknown pseudo header', protocolError, bad(...get, [':x', 'y'])],
    [':status in a request', protocolError, bad(...get, [':status', '200'])],
    ['a pseudo header after others', protocolError, bad(get[0]!, ['x', 'y'], ...get.slice(1))],
    ['an upper-case name', protocolError, bad(...get, ['X', 'y'])],
    ['an empty name', protocolError, bad(...get, ['', 'y'])],
    ['a name with a colon', protocolError, bad(...get, ['host: evil', 'y'])],
    ['a name with LF', protocolError, bad(...get, ['x\nhost', 'y'])],
    ['a value with CRLF', protocolError, bad(...get, ['x', 'a\r\nb'])],
    ['a value with NUL', protocolError, bad(...get, ['x', 'a\0b'])],
    ['a value with a space in front', protocolError, bad(...get, ['x', ' a'])],
    ['connection', protocolError, bad(...get, ['connection', 'close'])],
    ['transfer-encoding', protocolError, bad(...get, ['transfer-encoding', 'chunked'])],
    ['te: gzip', protocolError, bad(...get, ['te', 'gzip'])],
    ['two content-lengths', protocolError, bad(...get, ['content-length', '0'], ['content-length', '0'])],
    ['a content-length that is none', protocolError, bad(...get, ['content-length', '+1'])],
    ['a content-length without DATA', protocolError, bad(...get, ['content-length', '1'])],
    ['two hosts', protocolError, bad(...get.slice(0, 3), ['host', 'a'], ['host', 'b'])],
    ['an :authority with user information', protocolError, bad(...get.slice(0, 3), [':authority', 'u@a'])],
    ['CONNECT with :path', protocolError, bad([':method', 'CONNECT'], get[3]!, get[2]!)],
    [
      'more DATA than content-length',
      protocolError,
      [headers(1, 4, [...post, ['content-length', '1']]), frame(0, 0, 1, '7878')],
    ],
    [
      'less DATA than content-length',
      protocolError,
      [headers(1, 4, [...post, ['content-length', '2']]), frame(0, 1, 1, '78')],
    ],
    ['a pseudo header in trailers', protocolError, [headers(1, 4, post), headers(1, 5, [[':path', '/']])]],
    ['trailers without END_STREAM', protocolError, [headers(1, 4, post), headers(1, 4, [['x', 'y']])]],
    ['DATA after END_STREAM', streamClosed, [headers(1, endAll), frame(0, 1, 1, '78')]],
    ['HEADERS after END_STREAM', streamClosed, [headers(1, endAll), headers(1, endAll, [['x', 'y']])]],
    ['WINDOW_UPDATE of 0', protocolError, [headers(1, endAll), frame(8, 0, 1, '00000000')]],
    ['a window beyond 2^31-1', flowControlError, [headers(1, endAll), frame(8, 0, 1, '7fffffff')]],
    [
      'too many headers',
      enhanceYourCalm,
      bad(...get, ...Array.from({ length: 101 }, (): [string, string] => ['x', 'y'])),
    ],
    [
      'headers too large',
      enhanceYourCalm,
      bad(...get, ...Array.from({ length: 4 }, (): [string, string] => ['x', 'y'.repeat(4000)])),
    ],
  ])('%s', (_, code, frames) => {
    const bench = server({ maxHeaderBytes: 15_000 });
    for (const bytes of frames) bench.connection.feed(bytes);
    const resets = framesOf(bench.output()).filter(({ type }) => type === 3);
    expect(resets.map(({ id, payload }) => [id, payload.readUInt32BE(0)])).toEqual([[1, code]]);
    for (const { events } of bench.requests) expect(events.resets).toMatchObject([{ code, origin: 'local' }]);
    bench.connection.feed(headers(3, endAll));
    expect(bench.requests.at(-1)?.events.ended).toBe(true);
  });

  test('a stream beyond the limit is refused', () => {
    const bench = server({ maxConcurrentStreams: 1 });
    bench.connection.feed(Buffer.concat([headers(1, open), headers(3, open)]));
    expect(framesOf(bench.output()).map(({ type, id }) => [type, id])).toEqual([[3, 3]]);
    expect(bench.requests).toHaveLength(1);
  });
});

describe('a message', () => {
  test('has :authority for its host, cookies in one, and its trailers', () => {
    const bench = server();
    const fields: [string, string][] = [
      ...post,
      ['host', 'evil'],
      ['cookie', 'a=1'],
      ['x', 'y'],
      ['cookie', 'b=2'],
    ];
    bench.connection.feed(
      Buffer.concat([headers(1, 4, fields), frame(0, 8, 1, '0278790000'), headers(1, 5, [['t', 'u']])]),
    );
    const { request: seen, events } = bench.requests[0]!;
    expect([...seen.headers]).toEqual([
      ['x', 'y'],
      ['host', 'a'],
      ['cookie', 'a=1; b=2'],
    ]);
    expect([events.body.toString(), events.ended, [...events.trailers!]]).toEqual(['xy', true, [['t', 'u']]]);
  });

  test('passes through both roles with bodies larger than a window and header blocks larger than a frame', () => {
    const there = new Bench({ role: 'client' });
    const back = new Bench({ role: 'server' });
    const head = request('/big', 'POST');
    for (let index = 0; index < 20; index += 1) head.append(`x-${index}`, 'ÿ'.repeat(2000));
    const { stream, events } = there.open(head, false);
    const body = Buffer.alloc(700_000, 'b');
    expect(stream.sendData(body)).toBe(false);
    let writable = 0;
    events.onWritable = () => {
      writable += 1;
    };
    exchange(there, back);
    expect(writable).toBe(1);
    const trailers = new HeaderList();
    trailers.append('t', 'u');
    stream.sendEnd(trailers);
    exchange(there, back);
    const asked = back.requests[0]!;
    expect([...asked.request.headers].filter(([name]) => name !== 'host')).toEqual(
      [...head].filter(([name]) => name !== 'host'),
    );
    expect([asked.events.bytes, asked.events.trailers?.get('t')]).toEqual([body.length, 'u']);
    asked.stream.sendHead(response(200), true);
    exchange(there, back);
    expect([events.head?.status, events.ended, there.connection.activeStreams]).toEqual([200, true, 0]);
  });

  test('an extended CONNECT', () => {
    const there = new Bench({ role: 'client' });
    const back = new Bench({ role: 'server' });
    exchange(there, back);
    expect(there.connection.extendedConnect).toBe(true);
    const head = request('/chat', 'CONNECT');
    there.connection.open(head, new Recorder(), { end: false, protocol: 'websocket' });
    exchange(there, back);
    expect(back.requests[0]?.request).toMatchObject({ protocol: 'websocket', end: false });
  });

  test('a response before the request is complete ends the stream without an error', () => {
    const bench = server();
    bench.connection.feed(headers(1, open, post));
    const { stream } = bench.requests[0]!;
    stream.sendHead(response(413), true);
    stream.discard();
    expect(framesOf(bench.output()).map(({ type, id }) => [type, id])).toEqual([
      [1, 1],
      [3, 1],
    ]);
    bench.connection.feed(frame(0, 1, 1, '78'));
    expect([bench.failure, bench.connection.activeStreams]).toEqual([undefined, 0]);
  });
});

describe('flow control', () => {
  test('streams share the connection window in turns', () => {
    const bench = server();
    bench.connection.feed(Buffer.concat([headers(1, endAll), headers(3, endAll)]));
    for (const { stream } of bench.requests) {
      stream.sendHead(response(200), false);
      stream.sendData(Buffer.alloc(200_000));
    }
    bench.output();
    bench.connection.feed(
      Buffer.concat([frame(8, 0, 1, '00100000'), frame(8, 0, 3, '00100000'), frame(8, 0, 0, '00010000')]),
    );
    const sent = framesOf(bench.output()).map(({ id }) => id);
    expect(new Set(sent)).toEqual(new Set([1, 3]));
  });

  test('a peer with a window of 0 gets heads, and no content', () => {
    const bench = server();
    bench.connection.feed(Buffer.concat([frame(4, 0, 0, '000400000000'), headers(1, endAll)]));
    const { stream, events } = bench.requests[0]!;
    let writable = 0;
    events.onWritable = () => {
      writable += 1;
    };
    stream.sendHead(response(200), false);
    expect(stream.sendData(Buffer.alloc(10))).toBe(false);
    expect(framesOf(bench.output()).map(({ type }) => type)).toEqual([4, 1]);
    bench.connection.feed(frame(4, 0, 0, '00040000ffff'));
    expect(writable).toBe(1);
    expect(framesOf(bench.output()).map(({ type }) => type)).toEqual([4, 0]);
  });

  test('a transport that is behind holds content back', () => {
    const bench = server();
    bench.connection.feed(headers(1, endAll));
    bench.connection.outputTaken(true);
    const { stream } = bench.requests[0]!;
    stream.sendHead(response(200), false);
    expect(stream.sendData(Buffer.alloc(10))).toBe(false);
    expect(Buffer.concat(bench.connection.takeOutput()).length).toBeLessThan(30);
    bench.connection.outputTaken(false);
    expect(framesOf(bench.output()).map(({ type }) => type)).toEqual([0]);
  });

  test('more than the window is an error', () => {
    const bench = server({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535 });
    bench.connection.feed(headers(1, open, post));
    bench.requests[0]!.stream.pause();
    for (let sent = 0; sent < 5; sent += 1) bench.connection.feed(frame(0, 0, 1, Buffer.alloc(16_384)));
    expect(bench.failure?.code).toBe(flowControlError);
  });
});

describe('going away', () => {
  test('a server drains in two steps and is done with its last stream', () => {
    const bench = server();
    bench.connection.feed(headers(1, endAll));
    bench.connection.drain();
    const [first, ping] = framesOf(bench.output());
    expect([first!.type, first!.payload.readUInt32BE(0), ping!.type]).toEqual([7, 0x7fff_ffff, 6]);
    bench.connection.feed(headers(3, endAll)); // under way when the peer was told
    bench.connection.feed(frame(6, 1, 0, ping!.payload));
    const [second] = framesOf(bench.output());
    expect([second!.type, second!.payload.readUInt32BE(0)]).toEqual([7, 3]);
    bench.connection.feed(headers(5, endAll));
    expect(bench.requests).toHaveLength(2);
    for (const { stream } of bench.requests) stream.sendHead(response(200), true);
    expect(bench.drained).toBe(1);
  });

  test('a client finishes what the server took and gives back the rest', () => {
    const there = new Bench({ role: 'client' });
    const back = new Bench({ role: 'server' });
    const one = there.open(request('/1'));
    exchange(there, back);
    const two = there.open(request('/2'));
    there.output();
    back.connection.drain();
    back.connection.finishDrain();
    exchange(there, back);
    expect(two.events.resets).toMatchObject([{ untouched: true }]);
    expect([there.connection.capacity, there.goAways[0]]).toEqual([0, errorCode.noError]);
    back.requests[0]!.stream.sendHead(response(200), true);
    exchange(there, back);
    expect([one.events.ended, back.drained]).toEqual([true, 1]);
  });

  test('streams end with their connection', () => {
    const bench = server();
    bench.connection.feed(headers(1, open));
    bench.connection.close();
    expect(bench.requests[0]!.events.resets).toMatchObject([{ origin: 'connection' }]);
  });
});
