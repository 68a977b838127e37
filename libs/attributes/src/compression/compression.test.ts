import { decode, encode } from '@lateen/protos';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MutableBag } from '../bag.ts';
import { globalDictionary } from '../dictionary.ts';
import { attributesOfBag, bagOfAttributes } from '../plain-attributes.ts';
import { ReferenceShape } from '../reference/shape.ts';
import { TrackedBag } from '../reference/tracker.ts';
import { type AttributeValue, attribute, ipText } from '../value.ts';
import { decompressAttributes } from './decode.ts';
import { compressAttributes } from './encode.ts';

const message = 'istio.mixer.v1.CompressedAttributes';

const text = fc.oneof(fc.string(), fc.constantFrom(...globalDictionary));
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  text.map(attribute.string),
  fc.maxSafeInteger().map(attribute.int64),
  fc.double({ noNaN: true }).map(attribute.double),
  fc.boolean().map(attribute.bool),
  fc.uint8Array({ maxLength: 16 }).map(attribute.bytes),
  fc.record({ seconds: fc.nat(), nanos: fc.nat(999_999_999) }).map(attribute.timestamp),
  fc.array(fc.tuple(text, text)).map((entries) => attribute.stringMap(new Map(entries))),
);
const bags = fc.array(fc.tuple(text, value)).map((entries) => {
  const bag = new MutableBag();
  for (const [name, each] of entries) bag.set(name, each);
  return bag;
});

const plain = (bag: MutableBag): unknown =>
  Object.fromEntries(
    [...bag.entries()].map(([name, { kind, value: inner }]) => {
      if (kind === 'bytes') return [name, [...(inner as Uint8Array)]];
      if (kind === 'timestamp') {
        const { seconds = 0, nanos = 0 } = inner as { seconds?: number; nanos?: number };
        return [name, [seconds, nanos]];
      }
      if (kind === 'stringMap')
        return [name, [...(inner as Map<string, string>).entries()].sort(([a], [b]) => (a < b ? -1 : 1))];
      return [name, inner];
    }),
  );

describe('a bag comes back from the wire as it was', () => {
  test.each([222, 111, 0])('when the other end knows %i words', (globalWordCount) => {
    fc.assert(
      fc.property(bags, (bag) => {
        const bytes = encode(message, compressAttributes(bag, { globalWordCount }));
        const back = decompressAttributes(decode(message, bytes));
        if ('complaint' in back) throw new Error(back.complaint);
        expect(plain(back.bag)).toEqual(plain(bag));
      }),
    );
  });

  test('uncompressed too', () => {
    fc.assert(
      fc.property(bags, (bag) => {
        const bytes = encode('istio.mixer.v1.Attributes', attributesOfBag(bag));
        expect(plain(bagOfAttributes(decode('istio.mixer.v1.Attributes', bytes)))).toEqual(plain(bag));
      }),
    );
  });
});

test.each([
  ['an index that nobody knows', { strings: { 17: -2 }, words: ['x'] }, 'attribute index -2 is not defined'],
  ['a name beyond the dictionary', { bools: { 5000: true } }, 'attribute index 5000 is not defined'],
  ['two values for one name', { int64s: { 0: 1 }, strings: { 0: 90 } }, 'duplicate attribute source.ip'],
])('%s is complained about', (_what, compressed, complaint) => {
  const result = decompressAttributes(compressed);
  expect('complaint' in result && result.complaint).toContain(complaint);
  expect(decompressAttributes({ strings: { 17: -9 } }, { unknownIndex: 'drop' })).toHaveProperty('bag');
});

test('a delta changes its base in a bag of its own', () => {
  const base = new MutableBag()
    .set('request.path', attribute.string('/a'))
    .set('request.size', attribute.int64(1));
  const result = decompressAttributes({ int64s: { 23: 2 } }, { base });
  if ('complaint' in result) throw new Error(result.complaint);
  expect([...result.bag.entries()].map(([name, each]) => [name, each.value])).toEqual([
    ['request.path', '/a'],
    ['request.size', 2],
  ]);
  expect(base.get('request.size')?.value).toBe(1);
});

describe('references', () => {
  const bag = new MutableBag()
    .set(
      'request.headers',
      attribute.stringMap(
        new Map([
          ['source.ip', 'x'],
          ['b', 'y'],
        ]),
      ),
    )
    .set('request.path', attribute.string('/a'));

  test('are of keys, not of the map, and the word at index 0 stays a key', () => {
    const tracked = new TrackedBag(bag);
    const headers = tracked.get('request.headers');
    if (headers?.kind !== 'stringMap') throw new Error('no map');
    expect(tracked.referenced().attributeMatches).toEqual([]);
    headers.value.get('source.ip');
    headers.value.get('none');
    const { words, attributeMatches } = tracked.referenced();
    expect(words).toEqual(['source.ip', 'none']);
    expect(attributeMatches).toEqual([
      { name: 15, condition: 2, mapKey: -1 },
      { name: 15, condition: 1, mapKey: -2 },
    ]);
  });

  test('a snapshot brings back what was read before', () => {
    const tracked = new TrackedBag(bag);
    tracked.get('request.path');
    const restore = tracked.snapshot();
    tracked.get('source.ip');
    restore();
    expect(tracked.referenced().attributeMatches).toEqual([{ name: 17, condition: 2 }]);
  });

  test('make a shape that tells requests apart by just those values', () => {
    const tracked = new TrackedBag(bag);
    tracked.get('request.path');
    tracked.get('source.ip');
    const shape = ReferenceShape.of(tracked.referenced());
    const signature = shape?.signature(bag);
    expect(signature).toBeDefined();
    expect(shape?.signature(bag.copy().set('request.host', attribute.string('h')))).toBe(signature);
    expect(shape?.signature(bag.copy().set('request.path', attribute.string('/b')))).not.toBe(signature);
    expect(shape?.signature(bag.copy().set('source.ip', attribute.bytes(Uint8Array.of(1))))).toBeUndefined();
  });

  test.each([
    ['a regular expression', { attributeMatches: [{ name: 17, condition: 3, regex: 'a' }] }],
    ['a word that nobody knows', { attributeMatches: [{ name: 17, condition: 2, mapKey: -1 }] }],
  ])('%s makes none', (_what, referenced) => {
    expect(ReferenceShape.of(referenced)).toBeUndefined();
  });
});

test.each([
  [[10, 0, 0, 1], '10.0.0.1'],
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4], '1.2.3.4'],
  [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '2001:db8::1'],
  [Array<number>(16).fill(0), '::'],
  [[1], '01'],
])('address %j reads as %s', (bytes, readable) => {
  expect(ipText(Uint8Array.from(bytes))).toBe(readable);
});
