import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RequestParser, ResponseParser } from '../src/index.ts';

// Long form: LATEEN_SOAK=1 through `npm run fuzz`.
const numRuns = process.env.LATEEN_SOAK ? 200_000 : 12_000;
const seed = 20_261_125;

/** Pieces that HTTP messages are made of, valid and hostile. */
const piece = fc.constantFrom(
  'GET / HTTP/1.1\r\n', 'POST /x HTTP/1.1\r\n', 'CONNECT a:1 HTTP/1.1\r\n', 'GET http://a/b HTTP/1.1\r\n', 'Host: a\r\n',
  'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 204 \r\n', 'Content-Length: 3\r\n', 'content-length: 0\r\n',
  'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', 'X: y\r\n', '\r\n', '\r', '\n', ' ', ':', '3\r\nabc\r\n', '0\r\n\r\n',
  '0\r\nT: u\r\n\r\n', '2;ext\r\nab\r\n', 'abc', '\0', '\xff', 'a', 'A: b', 'Upgrade: websocket\r\nConnection: upgrade\r\n',
); // biome-ignore format: a list reads better filled

const stream = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: piece },
      { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 5 }) },
    ),
    {
      maxLength: 14,
    },
  )
  .map((pieces) => pieces.join(''));
const valid = fc
  .array(
    fc.constantFrom(
      'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n',
      'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
      'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext\r\nab\r\n0\r\nT: u\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ),
    { minLength: 1, maxLength: 4 },
  )
  .chain((messages) => {
    const text = messages.join('');
    const place = fc.nat(text.length);
    const mutation = fc.tuple(
      place,
      fc.constantFrom('', '\r', '\n', ' ', '\0', ':', '0', 'x', '\r\n'),
      fc.nat(2),
    );
    return fc
      .array(mutation, { maxLength: 2 })
      .map((mutations) =>
        mutations.reduce((all, [at, insert, cut]) => all.slice(0, at) + insert + all.slice(at + cut), text),
      );
  });
const input = fc.record({ text: fc.oneof(stream, valid), cuts: fc.array(fc.nat(200), { maxLength: 12 }) });

function split(text: string, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  return places.slice(1).map((end, index) => Buffer.from(text.slice(places[index], end), 'latin1'));
}

function requests(pieces: readonly Buffer[]): string {
  let log = '';
  let ended = true;
  const parser = new RequestParser({
    onRequest({ headers, framing, contentLength, keepAlive, upgrade, form }) {
      expect(ended).toBe(true);
      ended = false;
      log += `\n${headers.method} ${headers.path} ${headers.authority} ${form} ${framing} ${contentLength} ${keepAlive} ${upgrade}\n`;
      log += `${headers.lines()}body:`;
    },
    onData: (bytes) => void (log += bytes.toString('latin1')),
    onEnd(trailers) {
      ended = true;
      log += `\nend ${trailers?.lines()}`;
    },
  });
  for (const bytes of pieces) {
    for (let at = 0; at < bytes.length && parser.state !== 'failed'; ) {
      if (parser.state === 'done') parser.next();
      const next = parser.feed(bytes, at);
      expect(next).toBeGreaterThan(at);
      at = next;
    }
  }
  return `${log}\n${parser.failure?.message}`;
}

function responses(pieces: readonly Buffer[]): string {
  let log = '';
  const parser = new ResponseParser({
    onInformational: (headers) => void (log += `\n1xx ${headers.status} ${headers.lines()}`),
    onResponse: ({ headers, framing, keepAlive, tunnel }) =>
      void (log += `\n${headers.status} ${framing} ${keepAlive} ${tunnel} ${headers.lines()}body:`),
    onData: (bytes) => void (log += bytes.toString('latin1')),
    onEnd: (trailers) => void (log += `\nend ${trailers?.lines()}`),
  });
  parser.expect({ method: 'GET', upgrade: true });
  for (const bytes of pieces) {
    for (let at = 0; at < bytes.length && parser.state !== 'failed'; ) {
      if (parser.state === 'done') parser.expect({ method: 'GET', upgrade: false });
      const next = parser.feed(bytes, at);
      expect(next).toBeGreaterThan(at);
      at = next;
    }
  }
  return `${log}\n${parser.failure?.message}`;
}

test('requests: any split of any bytes gives the same events', () => {
  const same = fc.property(input, ({ text, cuts }) => {
    const whole = requests(split(text, []));
    expect(requests(split(text, cuts))).toBe(whole);
    if (text.length < 200)
      expect(
        requests(
          split(
            text,
            Array.from(text, (_, index) => index + 1),
          ),
        ),
      ).toBe(whole);
  });
  fc.assert(same, { numRuns, seed });
});

test('responses: any split of any bytes gives the same events', () => {
  const same = fc.property(input, ({ text, cuts }) => {
    expect(responses(split(text, cuts))).toBe(responses(split(text, [])));
  });
  fc.assert(same, { numRuns, seed });
});
