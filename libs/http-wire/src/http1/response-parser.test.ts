import { expect, test } from 'vitest';
import { type ExpectedResponse, ResponseParser } from './response-parser.ts';

function parse(text: string, expected: Partial<ExpectedResponse> = {}) {
  const log: string[] = [];
  const parser = new ResponseParser({
    onInformational: (headers) => void log.push(`1xx ${headers.status}`),
    onResponse: ({ headers, framing, keepAlive, tunnel }) =>
      void log.push(`${headers.status} ${framing}${keepAlive ? ' keep' : ''}${tunnel ? ' tunnel' : ''}`),
    onData: (bytes) => void log.push(`data ${bytes}`),
    onEnd: (trailers) => void log.push(trailers ? `end ${trailers.size}` : 'end'),
  });
  parser.expect({ method: 'GET', upgrade: false, ...expected });
  const bytes = Buffer.from(text, 'latin1');
  const taken = parser.feed(bytes);
  return { log, parser, rest: bytes.length - taken };
}

test.each<[string, string, Partial<ExpectedResponse>, string[]]>([
  ['length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', {}, ['200 length keep', 'data ok', 'end']],
  [
    'chunked',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: b\r\n\r\n',
    {},
    ['200 chunked keep', 'data ok', 'end 1'],
  ],
  ['no reason phrase', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', {}, ['200 none keep', 'end']],
  ['until close', 'HTTP/1.1 200 OK\r\n\r\nok', {}, ['200 close', 'data ok']],
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', { method: 'HEAD' }, ['200 none keep', 'end']],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', {}, ['204 none keep', 'end']],
  ['304 with length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', {}, ['304 none keep', 'end']],
  [
    '1xx first',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 204 x\r\n\r\n',
    {},
    ['1xx 100', '1xx 103', '204 none keep', 'end'],
  ],
  [
    '101',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw',
    { upgrade: true },
    ['101 close tunnel', 'data raw'],
  ],
  [
    'CONNECT',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraw',
    { method: 'CONNECT' },
    ['200 close tunnel', 'data raw'],
  ],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', {}, ['200 length', 'data a', 'end']],
])('framing: %s', (_, text, expected, log) => {
  const { log: seen, parser } = parse(text, expected);
  expect(parser.failure).toBeUndefined();
  expect(seen).toEqual(log);
});

test.each([
  ['not asked for an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['Content-Length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n'],
  ['flood of 1xx', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)],
  ['not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['status 600', 'HTTP/1.1 600 x\r\n\r\n'],
])('refused: %s', (_, text) => expect(parse(text).parser.failure?.status).toBe(502));

test('bytes after the message are left over', () => {
  const { parser, rest } = parse('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n');
  expect([parser.state, rest]).toEqual(['done', 19]);
});

test('closing ends a body that lasts until then, and only that', () => {
  const open = parse('HTTP/1.1 200 OK\r\n\r\nok');
  expect([open.parser.close(), open.log.at(-1)]).toEqual([true, 'end']);
  expect(parse('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok').parser.close()).toBe(false);
});
