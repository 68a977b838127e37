import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultHpackLimits, HpackDecoder } from './decoder.ts';
import { HpackEncoder, type HpackEncoderOptions } from './encoder.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';

type Fields = readonly (readonly [string, string])[];

function decode(decoder: HpackDecoder, hex: string): Fields | undefined {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const fields: [string, string][] = [];
  const whole = decoder.decode(bytes, 0, bytes.length, {
    onField: ({ name, value }) => void fields.push([name, value]),
  });
  return whole ? fields : undefined;
}

function encode(encoder: HpackEncoder, fields: Fields): string {
  encoder.begin();
  for (const [name, value] of fields) encoder.add(name, value);
  return encoder.end().toString('hex');
}

const parse = (text: string): Fields =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    });

const requests = [
  ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com',
  ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache',
  ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value',
].map(parse);
const date = 'date: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com';
const responses = [
  `:status: 302\ncache-control: private\n${date}`,
  `:status: 307\ncache-control: private\n${date}`,
  ':status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n' +
    'content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
].map(parse);

describe('RFC 7541 Appendix C', () => {
  test.each([
    [
      'C.2.1',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      'custom-key: custom-header',
    ],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path'],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret'],
    ['C.2.4', '82', ':method: GET'],
  ])('%s', (_, hex, text) => {
    expect(decode(new HpackDecoder(), hex)).toEqual(parse(text));
  });

  test.each([
    [
      'C.3 requests',
      4096,
      requests,
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
      [57, 110, 164],
    ],
    [
      'C.4 requests, Huffman',
      4096,
      requests,
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
      [57, 110, 164],
    ],
    [
      'C.5 responses',
      256,
      responses,
      [
        '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54' +
          '6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d',
        '4803 3330 37c1 c0bf',
        '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d' +
          '4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
      ],
      [222, 222, 215],
    ],
    [
      'C.6 responses, Huffman',
      256,
      responses,
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        '4883 640e ffc1 c0bf',
        '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960' +
          'd5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
      ],
      [222, 222, 215],
    ],
  ])('%s', (_, maxTableBytes, lists, blocks, sizes) => {
    const decoder = new HpackDecoder({ ...defaultHpackLimits, maxTableBytes });
    blocks.forEach((hex, index) => {
      expect(decode(decoder, hex)).toEqual(lists[index]);
      expect(decoder.tableBytes).toBe(sizes[index]);
    });
  });

  test.each([
    ['C.3', { huffman: false }, '828684410f7777772e6578616d706c652e636f6d'],
    ['C.4', {}, '828684418cf1e3c2e5f23a6ba0ab90f4ff'],
  ] as [string, HpackEncoderOptions, string][])('the encoder writes the bytes of %s', (_, options, hex) => {
    expect(encode(new HpackEncoder(options), requests[0]!)).toBe(hex);
  });
});

describe('malformed blocks', () => {
  test.each([
    ['index 0', '80'],
    ['index beyond the tables', 'be'],
    ['integer cut off', 'ff'],
    ['integer that never ends', 'ffffffffffffffff7f'],
    ['integer too large', 'ffffffff7f'],
    ['literal without a name', '40'],
    ['literal without a value', '400161'],
    ['value longer than the block', '4001610562'],
    ['name index beyond the tables', '7f0061'],
    ['Huffman EOS', '008 4ffffffff8107'],
    ['Huffman padding of zeros', '00 8118 0161'],
    ['Huffman padding of a whole byte', '00 82 1fff 0161'],
    ['size update above the limit', '3fe17f'],
    ['size update after a field', '8220'],
    ['three size updates', '202020'],
    ['size update cut off', '3f'],
  ])('%s', (_, hex) => {
    expect(decode(new HpackDecoder(), hex)).toBeUndefined();
  });

  test('a string longer than the limit', () => {
    const limits = { ...defaultHpackLimits, maxStringBytes: 3 };
    expect(decode(new HpackDecoder(limits), '000161 03626262')).toEqual([['a', 'bbb']]);
    expect(decode(new HpackDecoder(limits), '000161 0462626262')).toBeUndefined();
  });

  test('any bytes: no throw, and the table stays within its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder();
        for (const block of blocks) decode(decoder, Buffer.from(block).toString('hex'));
        return decoder.tableBytes <= 4096;
      }),
      { numRuns: 3000, seed: 20_261_125 },
    );
  });
});

const name = fc.oneof(
  fc.constantFrom(
    'cookie',
    'authorization',
    'x-a',
    'content-type',
    'set-cookie',
    ':path',
    ':status',
    'date',
    'x-b',
  ),
  fc.stringMatching(/^[a-z0-9-]{1,20}$/),
);
const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const value = fc.oneof(
  fc.constantFrom('', '200', 'a', 'text/plain'),
  fc.string({ unit: byte, maxLength: 60 }),
  fc.string({ unit: byte, minLength: 900, maxLength: 2500 }),
);
const list = fc.array(fc.tuple(name, value), { maxLength: 12 });

test('what is encoded is decoded, through table changes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(list, fc.option(fc.integer({ min: 0, max: 4096 }))), { maxLength: 12 }),
      fc.boolean(),
      (blocks, huffman) => {
        const encoder = new HpackEncoder({ huffman });
        const decoder = new HpackDecoder();
        for (const [fields, limit] of blocks) {
          if (limit !== null) encoder.setTableLimit(limit);
          expect(decode(decoder, encode(encoder, fields))).toEqual(fields);
        }
      },
    ),
    { numRuns: 400, seed: 20_261_125 },
  );
});

test('Huffman code of every byte', () => {
  const text = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
  const coded = new Uint8Array(huffmanLength(text));
  expect(huffmanEncode(text, coded, 0)).toBe(coded.length);
  const decoded = Buffer.alloc(coded.length * 2);
  const length = huffmanDecode(coded, 0, coded.length, decoded);
  expect(decoded.toString('latin1', 0, length)).toBe(text);
});

test('a character beyond latin1 cannot become a line break', () => {
  expect(decode(new HpackDecoder(), encode(new HpackEncoder(), [['x', 'aĊb']]))).toEqual([['x', 'a?b']]);
});

test('secrets are never indexed', () => {
  expect(encode(new HpackEncoder(), [['authorization', 'x']])).toMatch(/^1f08/);
  expect(encode(new HpackEncoder(), [['cookie', 'short']])).toMatch(/^1f11/);
});
