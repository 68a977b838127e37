import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { parseClientHello } from './client-hello.ts';
import { parseHttpPreface } from './http-preface.ts';

/** Bytes that Node's own TLS client sends first. */
async function clientHello(options: object): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const accepted = once(server, 'connection');
  const client = connect({ host: '127.0.0.1', port, ...options });
  client.on('error', () => {}); // nobody answers
  const [socket] = await accepted;
  const [bytes] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

describe('ClientHello', async () => {
  const bytes = await clientHello({
    servername: 'Reviews.Default.svc',
    ALPNProtocols: ['istio', 'http/1.1'],
  });
  const expected = { serverName: 'reviews.default.svc', applicationProtocols: ['istio', 'http/1.1'] };

  test('says server name and protocols', () => expect(parseClientHello(bytes)).toEqual(expected));

  test('every part of it asks for more', () => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(parseClientHello(bytes.subarray(0, length))).toBe('more');
    }
  });

  test('is read across records', () => {
    const body = bytes.subarray(5);
    const records = [body.subarray(0, 10), body.subarray(10, 40), body.subarray(40)].map((part) => {
      const header = Buffer.from([22, 3, 1, 0, 0]);
      header.writeUInt16BE(part.length, 3);
      return Buffer.concat([header, part]);
    });
    expect(parseClientHello(Buffer.concat(records))).toEqual(expected);
  });

  test('without extensions of ours both are empty', async () => {
    expect(parseClientHello(await clientHello({}))).toEqual({ serverName: '', applicationProtocols: [] });
  });

  test('a byte that is flipped anywhere never throws and never hangs', () => {
    for (let index = 0; index < bytes.length; index += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const broken = Buffer.from(bytes);
        broken[index]! ^= flip;
        expect(parseClientHello(broken)).toBeDefined();
      }
    }
  });

  const others: [string, Buffer][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1')],
    ['an alert', Buffer.from([21, 3, 1, 0, 2, 2, 40])],
    ['a server hello', Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0])],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    ['an endless message', Buffer.from([22, 3, 1, 0x10, 0, 1, 0xff, 0xff, 0xff])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0, 0])],
  ];
  test.each(others)('%s is none', (_, other) => expect(parseClientHello(other)).toBe('none'));
});

describe('HTTP by its first line', () => {
  const cases: [string, string][] = [
    ['GET /a HTTP/1.1\r\n', 'http/1.1'],
    ['POST /a HTTP/1.0\n', 'http/1.0'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'h2c'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore', 'h2c'],
    ['PRI * HTTP/2.0\r\n', 'more'],
    ['P', 'more'],
    ['GE', 'more'],
    ['GET /', 'more'],
    ['', 'more'],
    ['GET / HTTP/3\r\n', 'none'],
    ['GET /\r\n', 'none'],
    ['EHLO x\r\n', 'none'],
    ['NOTAMETHOD / HTTP/1.1\r\n', 'none'],
    ['\x00\x01', 'none'],
    [`GET /${'a'.repeat(9000)}`, 'none'],
  ];
  test.each(cases)('%j is %s', (text, expected) =>
    expect(parseHttpPreface(Buffer.from(text))).toBe(expected),
  );
});
