import { enumOf, type istio_mixer_v1_ReferencedAttributes } from '@lateen/protos';
import type { AttributeSource } from '../bag.ts';
import { wordAt } from '../compression/decode.ts';
import type { AttributeValue } from '../value.ts';

const { ABSENCE, EXACT } = enumOf('istio.mixer.v1.ReferencedAttributes.Condition');

interface Reference {
  readonly name: string;
  readonly key: string | undefined;
}

/**
 * Which attributes an answer depends on. Requests that agree in them share the answer. Source: istio/proxy
 * `mixerclient/referenced.cc`, istio/istio `mixer/pkg/checkcache`.
 */
export class ReferenceShape {
  /** Equal for shapes with the same references, whatever their order. */
  readonly id: string;
  readonly #absent: readonly Reference[];
  readonly #exact: readonly Reference[];

  private constructor(absent: readonly Reference[], exact: readonly Reference[]) {
    const text = (references: readonly Reference[]): string =>
      JSON.stringify(references.map(({ name, key }) => [name, key]));
    this.#absent = absent;
    this.#exact = exact;
    this.id = `${text(absent)}${text(exact)}`;
  }

  /**
   * Shape of an answer's references. `undefined`: the answer must not be reused, since a reference is of another kind
   * (a regular expression) or its word is unknown.
   */
  static of(
    referenced: istio_mixer_v1_ReferencedAttributes,
    globalWords?: readonly string[],
  ): ReferenceShape | undefined {
    const words = referenced.words ?? [];
    const absent: Reference[] = [];
    const exact: Reference[] = [];
    for (const match of referenced.attributeMatches ?? []) {
      const name = wordAt(match.name ?? 0, words, globalWords);
      const key = match.mapKey ? wordAt(match.mapKey, words, globalWords) : undefined;
      if (name === undefined || (match.mapKey && key === undefined)) return undefined;
      if (match.condition === ABSENCE) absent.push({ name, key });
      else if (match.condition === EXACT) exact.push({ name, key });
      else return undefined;
    }
    return new ReferenceShape(sorted(absent), sorted(exact));
  }

  /** Is everything absent that was absent? */
  absentIn(bag: AttributeSource): boolean {
    return this.#absent.every((reference) => !isPresent(bag, reference));
  }

  /** Is everything there that was there? */
  presentIn(bag: AttributeSource): boolean {
    return this.#exact.every((reference) => isPresent(bag, reference));
  }

  /** Values of the references as one text: equal texts, equal answers. `undefined` when the shape doesn't fit. */
  signature(bag: AttributeSource): string | undefined {
    if (!this.absentIn(bag)) return undefined;
    let text = '';
    for (const { name, key } of this.#exact) {
      const attribute = bag.get(name);
      if (attribute === undefined) return undefined;
      if (key === undefined) {
        text += part(valueText(attribute));
        continue;
      }
      const value = attribute.kind === 'stringMap' ? attribute.value.get(key) : undefined;
      if (value === undefined) return undefined;
      text += part(value);
    }
    return text;
  }
}

function sorted(references: readonly Reference[]): Reference[] {
  return [...references].sort(
    (left, right) => order(left.name, right.name) || order(left.key ?? '', right.key ?? ''),
  );
}

function order(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function isPresent(bag: AttributeSource, { name, key }: Reference): boolean {
  const attribute = bag.get(name);
  if (attribute === undefined) return false;
  return key === undefined || (attribute.kind === 'stringMap' && attribute.value.get(key) !== undefined);
}

/** The length in front keeps neighbours apart: `ab`+`c` differs from `a`+`bc`. */
function part(text: string): string {
  return `${text.length}:${text}`;
}

function valueText(attribute: AttributeValue): string {
  switch (attribute.kind) {
    case 'string':
      return `s${attribute.value}`;
    case 'int64':
    case 'double':
    case 'bool':
      return `${attribute.kind[0]}${attribute.value}`;
    case 'bytes':
      return `x${Buffer.from(attribute.value).toString('latin1')}`;
    case 'timestamp':
    case 'duration':
      return `${attribute.kind[0]}${attribute.value.seconds ?? 0}.${attribute.value.nanos ?? 0}`;
    case 'stringMap': {
      const entries = [...attribute.value.entries()].sort(([left], [right]) => order(left, right));
      return `m${entries.map(([key, value]) => part(key) + part(value)).join('')}`;
    }
  }
}
