import { expect, test } from 'vitest';
import type { HeaderList } from '../header-list.ts';
import { encodeRequestHead } from './encoder.ts';
import {
  type Http1Request,
  RequestParser,
  type RequestParserOptions,
  type RequestSink,
} from './request-parser.ts';

interface Seen {
  request: Http1Request;
  body: string;
  trailers: HeaderList | undefined;
  ended: boolean;
}

function parse(
  text: string,
  options: RequestParserOptions = {},
  cut = text.length,
): { seen: Seen[]; parser: RequestParser } {
  const seen: Seen[] = [];
  const sink: RequestSink = {
    onRequest: (request) => void seen.push({ request, body: '', trailers: undefined, ended: false }),
    onData: (bytes) => void (seen.at(-1)!.body += bytes.toString('latin1')),
    onEnd(trailers) {
      seen.at(-1)!.trailers = trailers;
      seen.at(-1)!.ended = true;
    },
  };
  const parser = new RequestParser(sink, options);
  for (const piece of [text.slice(0, cut), text.slice(cut)]) {
    const bytes = Buffer.from(piece, 'latin1');
    for (let at = 0; at < bytes.length && parser.state !== 'failed'; ) {
      if (parser.state === 'done') parser.next();
      at = parser.feed(bytes, at);
    }
  }
  return { seen, parser };
}

const head = 'POST /a?b HTTP/1.1\r\nHost: a\r\n';

test.each([
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
  ['Host with user information', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
  ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['Host with two ports', 'GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n', 400],
  ['both framings', `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
  ['Content-Length twice', `${head}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, 400],
  ['Content-Length list', `${head}Content-Length: 1, 1\r\n\r\nx`, 400],
  ['Content-Length hex', `${head}Content-Length: 0x1\r\n\r\nx`, 400],
  ['Content-Length above 2^53', `${head}Content-Length: 9007199254740993\r\n\r\n`, 400],
  ['coding other than chunked', `${head}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
  ['Transfer-Encoding twice', `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
  ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['line ends of LF', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['CR in a value', `${head}x: a\rb\r\n\r\n`, 400],
  ['NUL in a value', `${head}x: a\0b\r\n\r\n`, 400],
  ['space before the colon', `${head}x : a\r\n\r\n`, 400],
  ['folded line', `${head}x: a\r\n b\r\n\r\n`, 400],
  ['no colon', `${head}xa\r\n\r\n`, 400],
  ['empty name', `${head}: a\r\n\r\n`, 400],
  ['fragment in the target', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['target without slash', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['asterisk for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['absolute with user information', 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['CONNECT without port', 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ['HTTP/0.9', 'GET /\r\n', 400],
  ['TLS hello', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n', 400],
  ['unknown expectation', `${head}Expect: fun\r\n\r\n`, 417],
  ['chunk size with sign', `${head}Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n`, 400],
  ['chunk size ended by LF', `${head}Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n`, 400],
  ['chunk longer than it says', `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`, 400],
  ['CR in a chunk extension', `${head}Transfer-Encoding: chunked\r\n\r\n1;\ra\r\na\r\n0\r\n\r\n`, 400],
  ['17 size digits', `${head}Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\na\r\n0\r\n\r\n`, 400],
  ['too many fields', `${head}${'a: b\r\n'.repeat(100)}\r\n`, 431],
  ['head too large', `${head}a: ${'b'.repeat(61 * 1024)}\r\n\r\n`, 431],
])('refused however it is split: %s', (_, text, status) => {
  const whole = parse(text).parser;
  expect(whole.failure).toMatchObject({ status });
  for (const cut of [1, 20, text.length >> 1, text.length - 1]) {
    expect(parse(text, {}, cut).parser.failure).toEqual(whole.failure);
  }
});

test('HTTP/1.0: refused with 426 unless accepted; no Host needed, closes unless told to stay', () => {
  expect(parse('GET / HTTP/1.0\r\n\r\n', { acceptHttp10: false }).parser.failure?.status).toBe(426);
  expect(parse('GET / HTTP/1.0\r\n\r\n').seen[0]?.request).toMatchObject({ minor: 0, keepAlive: false });
  expect(parse('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n').seen[0]?.request.keepAlive).toBe(true);
});

test('target forms and authority', () => {
  const one = (text: string) => parse(text).seen[0]!.request;
  const absolute = one('GET HTTP://b:81?x HTTP/1.1\r\nHost: a\r\n\r\n');
  expect([absolute.form, absolute.headers.authority, absolute.headers.path]).toEqual([
    'absolute',
    'b:81',
    '/?x',
  ]);
  expect(absolute.headers.all('host')).toEqual(['b:81']);
  const connect = one('CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n');
  expect([connect.form, connect.headers.authority, connect.headers.path]).toEqual([
    'authority',
    '[::1]:443',
    '',
  ]);
  expect(one('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n').form).toBe('asterisk');
});

test('bodies, trailers and pipelining', () => {
  const text = [
    `\r\n${head}Content-Length: 3\r\n\r\nabc`,
    `${head}Transfer-Encoding: Chunked\r\n\r\n1;x=y\r\nd\r\n00a\r\n0123456789\r\n0\r\nT: v\r\nContent-Length: 7\r\n\r\n`,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n',
  ].join('');
  for (let cut = 1; cut < text.length; cut += 1) {
    const { seen, parser } = parse(text, {}, cut);
    expect(parser.failure).toBeUndefined();
    expect(
      seen.map(({ request, body, trailers, ended }) => [request.framing, body, trailers?.lines(), ended]),
    ).toEqual([
      ['length', 'abc', undefined, true],
      ['chunked', 'd0123456789', 't: v\r\n', true],
      ['none', '', undefined, true],
    ]);
    expect(seen.map(({ request }) => request.keepAlive)).toEqual([true, true, false]);
  }
});

test('upgrade counts only when Connection names it', () => {
  const request = (connection: string) =>
    parse(`GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: ${connection}\r\n\r\n`).seen[0]!
      .request.upgrade;
  expect([request('keep-alive, Upgrade'), request('keep-alive')]).toEqual(['websocket', '']);
});

test('a head is written back in lower case, or as it was spelled; what was changed stands in its place', () => {
  const text = 'GET /x HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nx-two: 2\r\nAccept: */*\r\nX-Three: 3\r\n\r\n';
  const folded = parse(text).seen[0]!.request.headers;
  expect(folded.get('x-one')).toBe('1');
  folded.set('x-two', '22');
  folded.delete('Accept');
  folded.append('x-four', 'a\r\nb: c');
  expect(encodeRequestHead(folded, 'connection: close\r\n')).toBe(
    'GET /x HTTP/1.1\r\nhost: a\r\nx-one: 1\r\nx-two: 22\r\nx-three: 3\r\nx-four: a  b: c\r\nconnection: close\r\n\r\n',
  );
  const kept = parse(text, { keepCase: true }).seen[0]!.request.headers;
  kept.delete('x-two');
  expect(encodeRequestHead(kept, '')).toBe(
    'GET /x HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nAccept: */*\r\nX-Three: 3\r\n\r\n',
  );
});
