import type { istio_mixer_v1_CompressedAttributes } from '@lateen/protos';
import type { AttributeBag } from '../bag.ts';
import { globalDictionary } from '../dictionary.ts';

/** Which words a message may take from the dictionary that both ends know. */
export interface DictionaryOptions {
  /** Words both ends know; the global dictionary when absent. */
  readonly globalWords?: readonly string[];
  /** Only the first so many of them, when the other end knows fewer. */
  readonly globalWordCount?: number;
}

/** Words of one message: finds a word's index, adding it to the message's own list when the global one lacks it. */
export class WordTable {
  /** The message's own words, `-1` the first. */
  readonly words: string[] = [];
  readonly #indices = new Map<string, number>();
  readonly #global: ReadonlyMap<string, number>;
  readonly #globalCount: number;

  constructor(options: DictionaryOptions = {}) {
    const globalWords = options.globalWords ?? globalDictionary;
    this.#global = indexOf(globalWords);
    this.#globalCount = Math.min(options.globalWordCount ?? globalWords.length, globalWords.length);
  }

  /** Index of a word: from 0 in the global dictionary, below 0 in the message's list. */
  index(word: string): number {
    const global = this.#global.get(word);
    return global !== undefined && global < this.#globalCount ? global : this.own(word);
  }

  /** Index of a word in the message's list, also when the global dictionary knows it. */
  own(word: string): number {
    let index = this.#indices.get(word);
    if (index === undefined) {
      index = -this.words.push(word);
      this.#indices.set(word, index);
    }
    return index;
  }
}

const indexes = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

function indexOf(words: readonly string[]): ReadonlyMap<string, number> {
  let index = indexes.get(words);
  if (!index) indexes.set(words, (index = new Map(words.map((word, position) => [word, position]))));
  return index;
}

/**
 * Compressed form of a bag. Words go to `table`; the caller puts `table.words` where the message wants them: `words`
 * of the same message, or `default_words` of a report.
 */
export function compressInto(table: WordTable, bag: AttributeBag): istio_mixer_v1_CompressedAttributes {
  const message: istio_mixer_v1_CompressedAttributes = {};
  for (const [name, attribute] of bag.entries()) {
    const index = table.index(name);
    switch (attribute.kind) {
      case 'string':
        (message.strings ??= {})[index] = table.index(attribute.value);
        break;
      case 'int64':
        (message.int64s ??= {})[index] = attribute.value;
        break;
      case 'double':
        (message.doubles ??= {})[index] = attribute.value;
        break;
      case 'bool':
        (message.bools ??= {})[index] = attribute.value;
        break;
      case 'bytes':
        (message.bytes ??= {})[index] = attribute.value;
        break;
      case 'timestamp':
        (message.timestamps ??= {})[index] = attribute.value;
        break;
      case 'duration':
        (message.durations ??= {})[index] = attribute.value;
        break;
      case 'stringMap': {
        const entries: Record<number, number> = {};
        for (const [key, value] of attribute.value.entries()) entries[table.index(key)] = table.index(value);
        (message.stringMaps ??= {})[index] = { entries };
        break;
      }
    }
  }
  return message;
}

/** Compressed form of a bag with its words, as a Check carries it. */
export function compressAttributes(
  bag: AttributeBag,
  options: DictionaryOptions = {},
): istio_mixer_v1_CompressedAttributes {
  const table = new WordTable(options);
  const message = compressInto(table, bag);
  if (table.words.length > 0) message.words = table.words;
  return message;
}
