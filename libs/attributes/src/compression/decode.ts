import type { istio_mixer_v1_CompressedAttributes } from '@lateen/protos';
import { type AttributeBag, MutableBag } from '../bag.ts';
import { globalDictionary } from '../dictionary.ts';
import type { AttributeValue } from '../value.ts';

/** How a compressed message is read. */
export interface DecompressOptions {
  /** Words both ends know; the global dictionary when absent. */
  readonly globalWords?: readonly string[];
  /** `default_words` of a report, for records that carry no words. */
  readonly defaultWords?: readonly string[];
  /** Delta encoding: the record changes this bag. The bag itself stays as it is. */
  readonly base?: AttributeBag;
  /** What an index outside both dictionaries does: fails the message (the default), or drops its attribute. */
  readonly unknownIndex?: 'fail' | 'drop';
}

/** The attributes, or why the message cannot be read (its sender's fault). */
export type Decompressed = { readonly bag: MutableBag } | { readonly complaint: string };

/** Word of an index: the message's list first, as Mixer's server does, then the global dictionary. */
export function wordAt(
  index: number,
  messageWords: readonly string[],
  globalWords: readonly string[] = globalDictionary,
): string | undefined {
  return index < 0 ? messageWords[-index - 1] : globalWords[index];
}

/** Reads a compressed message. Two values for one name are refused, whatever their kinds. */
export function decompressAttributes(
  message: istio_mixer_v1_CompressedAttributes,
  options: DecompressOptions = {},
): Decompressed {
  const own = message.words ?? [];
  const words = own.length > 0 ? own : (options.defaultWords ?? []);
  const globalWords = options.globalWords ?? globalDictionary;
  const bag = new MutableBag(options.base);
  const seen = new Set<string>();
  let complaint: string | undefined;

  const word = (index: number): string | undefined => {
    const found = wordAt(index, words, globalWords);
    if (found === undefined && options.unknownIndex !== 'drop') {
      complaint ??= `attribute index ${index} is not defined in the available dictionaries`;
    }
    return found;
  };
  const read = <T>(
    entries: Record<string, T> | undefined,
    tag: (value: T) => AttributeValue | undefined,
  ): void => {
    if (!entries) return;
    for (const key of Object.keys(entries)) {
      const name = word(Number(key));
      if (name === undefined) continue;
      if (seen.has(name)) {
        complaint ??= `duplicate attribute ${name}`;
        continue;
      }
      seen.add(name);
      const value = tag(entries[key]!);
      if (value) bag.set(name, value);
    }
  };

  read(message.strings, (index) => {
    const value = word(index);
    return value === undefined ? undefined : { kind: 'string', value };
  });
  read(message.int64s, (value) => ({ kind: 'int64', value }));
  read(message.doubles, (value) => ({ kind: 'double', value }));
  read(message.bools, (value) => ({ kind: 'bool', value }));
  read(message.timestamps, (value) => ({ kind: 'timestamp', value }));
  read(message.durations, (value) => ({ kind: 'duration', value }));
  read(message.bytes, (value) => ({ kind: 'bytes', value }));
  read(message.stringMaps, (map) => {
    const entries = new Map<string, string>();
    for (const [keyIndex, valueIndex] of Object.entries(map.entries ?? {})) {
      const key = word(Number(keyIndex));
      const value = word(valueIndex);
      if (key === undefined || value === undefined) return undefined;
      entries.set(key, value);
    }
    return { kind: 'stringMap', value: entries };
  });
  return complaint === undefined ? { bag } : { complaint };
}
