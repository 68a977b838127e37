import { enumOf, type istio_mixer_v1_ReferencedAttributes } from '@lateen/protos';
import type { AttributeBag } from '../bag.ts';
import { type DictionaryOptions, WordTable } from '../compression/encode.ts';
import type { AttributeValue, StringMapView } from '../value.ts';

const { ABSENCE, EXACT } = enumOf('istio.mixer.v1.ReferencedAttributes.Condition');

interface Reference {
  readonly name: string;
  /** Key of a string map; `undefined` when the attribute as a whole was read. */
  readonly key: string | undefined;
  readonly present: boolean;
}

/**
 * A bag that notes what was read from it and whether it was there: the answer of a Check says so, and callers reuse
 * the answer for requests that agree in just these attributes. Reading a map notes nothing by itself: each key that
 * is asked for is noted, present or absent.
 */
export class TrackedBag implements AttributeBag {
  readonly #bag: AttributeBag;
  #references = new Map<string, Reference>();

  constructor(bag: AttributeBag) {
    this.#bag = bag;
  }

  get(name: string): AttributeValue | undefined {
    const attribute = this.#bag.get(name);
    if (attribute?.kind !== 'stringMap') {
      this.#note(name, undefined, attribute !== undefined);
      return attribute;
    }
    const map = attribute.value;
    const view: StringMapView = {
      get: (key) => {
        const value = map.get(key);
        this.#note(name, key, value !== undefined);
        return value;
      },
      entries: () => {
        this.#note(name, undefined, true);
        return map.entries();
      },
    };
    return { kind: 'stringMap', value: view };
  }

  /** Reads everything without noting it. */
  entries(): Iterable<readonly [string, AttributeValue]> {
    return this.#bag.entries();
  }

  #note(name: string, key: string | undefined, present: boolean): void {
    const id = key === undefined ? name : `${name}\0${key}`;
    if (!this.#references.has(id)) this.#references.set(id, { name, key, present });
  }

  /** Forgets what is noted from now on when the answered function is called: a quota answers for its own reads. */
  snapshot(): () => void {
    const kept = new Map(this.#references);
    return () => void (this.#references = new Map(kept));
  }

  /** What was read, for the answer; word indices stay below what the caller knows. */
  referenced(options: DictionaryOptions = {}): istio_mixer_v1_ReferencedAttributes {
    const table = new WordTable(options);
    const attributeMatches = [...this.#references.values()].map(({ name, key, present }) => ({
      name: table.index(name),
      condition: present ? EXACT : ABSENCE,
      ...(key === undefined ? {} : { mapKey: mapKeyIndex(table, key) }),
    }));
    return table.words.length > 0 ? { words: table.words, attributeMatches } : { attributeMatches };
  }
}

/** Index 0 of a map key reads as "no key" on the wire, so the word at 0 goes to the message's own list. */
function mapKeyIndex(table: WordTable, key: string): number {
  const index = table.index(key);
  return index === 0 ? table.own(key) : index;
}
