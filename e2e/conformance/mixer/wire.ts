import {
  compressAttributes,
  decompressAttributes,
  globalDictionary,
  MutableBag,
  ReferenceShape,
  TrackedBag,
  wordAt,
} from '@lateen/attributes';
import {
  decode,
  encode,
  fromJson,
  type istio_mixer_v1_CompressedAttributes,
  isMessageName,
  toJson,
} from '@lateen/protos';
import { bagOf, plain, type Row, rows, same, type Tally, table, tally, valueOf } from './corpus.ts';

const compressedName = 'istio.mixer.v1.CompressedAttributes';

/** Go prints bytes that are not there as null. */
const compressedOf = (json: unknown): istio_mixer_v1_CompressedAttributes =>
  fromJson(compressedName, JSON.parse(JSON.stringify(json ?? {}).replaceAll(':null', ':""')));

const plainBag = (bag: MutableBag): unknown =>
  Object.fromEntries([...bag.entries()].map(([name, value]) => [name, plain(value)]));

function runVector(row: Row): void {
  const message = row.message as string;
  if (!isMessageName(message)) throw new Error(`${message} is not bundled`);
  const bytes = Buffer.from(row.hex as string, 'hex');
  const decoded = decode(message, bytes);
  // Presence counts, and so does the form of zero values: compare re-encoded JSON of both sides.
  const expected = fromJson(message, row.json);
  same(toJson(message, decoded), toJson(message, expected));
  if (row.byteExact) same(Buffer.from(encode(message, decoded)).toString('hex'), row.hex);
}

function runEncoder(row: Row): void {
  const bag = bagOf(row.attributes);
  const compressed = compressAttributes(bag, { globalWordCount: row.globalWordCount as number });
  same(toJson(compressedName, compressed), row.json);
  same(Buffer.from(encode(compressedName, compressed)).toString('hex'), row.hex);
}

function runBag(row: Row): void {
  const globalWords = (row.globalWords ?? []) as string[];
  const read = (json: unknown, base?: MutableBag): MutableBag | string => {
    const unknownIndex = row.kind === 'BogusProto' ? 'drop' : 'fail';
    const result = decompressAttributes(compressedOf(json), {
      globalWords,
      unknownIndex,
      ...(base ? { base } : {}),
    });
    return 'bag' in result ? result.bag : result.complaint;
  };
  if (row.kind === 'RoundTrip' || row.kind === 'GlobalWordCount') {
    const bag = bagOf(row.attributes);
    const compressed = compressAttributes(bag, {
      globalWords: (row.encoderWords as string[] | undefined) ?? globalWords,
      ...(row.globalWordCount === undefined ? {} : { globalWordCount: row.globalWordCount as number }),
    });
    const words = (row.decoderWords as string[] | undefined) ?? globalWords;
    const back = decompressAttributes(decode(compressedName, encode(compressedName, compressed)), {
      globalWords: words,
    });
    if ('complaint' in back) throw new Error(back.complaint);
    return same(plainBag(back.bag), plainBag(bag));
  }
  if (row.kind === 'UpdateSequence') {
    let bag: MutableBag | undefined;
    for (const update of row.updates as unknown[]) {
      const next = read(update, bag);
      if (typeof next === 'string') throw new Error(next);
      bag = next;
    }
    return same(plainBag(bag!), plainBag(bagOf(row.value)));
  }
  const result = read(row.compressed);
  if (typeof row.expect === 'string') {
    if (typeof result !== 'string') throw new Error(`was read, expected ${row.expect}`);
    return;
  }
  if (typeof result === 'string') throw new Error(result);
  if (row.kind === 'ReferenceTracking') {
    const tracked = new TrackedBag(result);
    for (const name of row.read as string[]) {
      const keyed = /^(.*)\[(.*)\]$/.exec(name);
      const value = tracked.get(keyed ? keyed[1]! : name);
      if (keyed && value?.kind === 'stringMap') value.value.get(keyed[2]!);
    }
    const { words = [], attributeMatches = [] } = tracked.referenced({ globalWords });
    same(attributeMatches.length, row.totalMatches);
    const match = attributeMatches.find(
      ({ name, mapKey }) =>
        wordAt(name ?? 0, words, globalWords) === row.referencedName &&
        (mapKey ? wordAt(mapKey, words, globalWords) : null) === row.mapKey,
    );
    const conditions = [null, 'ABSENCE', 'EXACT', 'REGEX'];
    return same(match ? conditions[match.condition ?? 0] : null, row.condition);
  }
  if (row.kind === 'Bag') override(result, row.note as string);
  const value = result.get(row.get as string);
  if (row.absent) return same(value, undefined);
  same(plain(value), plain(valueOf(row.value)));
}

/** The rows of kind `Bag` set some attributes anew after decoding; their note lists which. */
function override(bag: MutableBag, note: string): void {
  if (!note.includes('overridden')) throw new Error(`a note of another form: ${note}`);
  const overrides = {
    N2: '42',
    N4: { int64: '42' },
    N6: { double: 42 },
    N8: true,
    N10: { timestamp: '2001-01-01T01:01:01.000000042Z' },
    N11: { duration: '34s' },
    N13: { hex: '2a' },
    N15: { N42: 'FourtyTwo' },
  };
  bag.merge(bagOf(overrides));
}

function runShape(row: Row): void {
  const referenced = fromJson('istio.mixer.v1.ReferencedAttributes', row.referenced);
  const shape = ReferenceShape.of(referenced);
  const bag = bagOf(row.bag);
  // A reference to a word nobody knows: the upstream cache skips it, ours never caches such an answer.
  if (!shape) return same(JSON.stringify(row.referenced).includes('100000'), true);
  same(
    {
      presentOk: shape.presentIn(bag),
      absentOk: shape.absentIn(bag),
      compatible: shape.signature(bag) !== undefined,
    },
    { presentOk: row.presentOk, absentOk: row.absentOk, compatible: row.compatible },
  );
}

/** Tallies of the attribute dictionary's and the wire format's files. */
export const wireTallies: Readonly<Record<string, () => Promise<Tally>>> = {
  'mixer-dictionary': async () => {
    const words = table<string[]>('mixer-dictionary/global-dictionary.json');
    const indexed = words.map((word, index) => ({ id: String(index), word, index }));
    return tally(indexed, ({ word, index }) =>
      same([globalDictionary[index], globalDictionary.length], [word, words.length]),
    );
  },
  'mixer-wire/wire-vectors': () => tally(rows('mixer-wire/wire-vectors.json'), runVector),
  'mixer-wire/encoder-vectors': () => tally(rows('mixer-wire/encoder-vectors.json'), runEncoder),
  'mixer-wire/protobag': () => tally(rows('mixer-wire/protobag.json'), runBag),
  'mixer-wire/keyshape': () => tally(rows('mixer-wire/keyshape.json'), runShape),
};
