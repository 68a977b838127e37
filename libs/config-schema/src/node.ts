/** Input as the decoder walks it: a YAML node or a JSON value. `offset` is where it starts in the text, -1 for JSON. */
export type Node = MapNode | ListNode | ScalarNode;

/** Entries in the order of the text, each key once. */
export interface MapNode {
  readonly kind: 'map';
  readonly offset: number;
  readonly entries: readonly MapEntry[];
}

/** One entry of a mapping. */
export interface MapEntry {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: Node;
}

/** Items in the order of the text. */
interface ListNode {
  readonly kind: 'list';
  readonly offset: number;
  readonly items: readonly Node[];
}

/** A single value. */
interface ScalarNode {
  readonly kind: 'scalar';
  readonly offset: number;
  readonly value: string | number | boolean | null;
  /** The text as written, when it stands without quotes in YAML. */
  readonly plain?: string;
}

/** Levels of nesting that any document may have; EnvoyFilter patches, the deepest honest ones, stay under 40. */
export const maxDepth = 100;

/** Nodes that one document may have, aliases expanded. */
export const maxNodes = 100_000;

/** Input that is larger or deeper than anything a person writes. */
export class InputBounds extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Node tree of a JSON value. @throws InputBounds when it is deeper or larger than allowed. */
export function nodeOfJson(json: unknown): Node {
  let count = 0;
  const visit = (value: unknown, depth: number): Node => {
    if (depth > maxDepth) throw new InputBounds(`nested deeper than ${maxDepth} levels`, -1);
    count += 1;
    if (count > maxNodes) throw new InputBounds(`more than ${maxNodes} values`, -1);
    if (Array.isArray(value))
      return { kind: 'list', offset: -1, items: value.map((item) => visit(item, depth + 1)) };
    if (typeof value === 'object' && value !== null) {
      const entries: MapEntry[] = [];
      for (const [key, child] of Object.entries(value)) {
        if (child !== undefined) entries.push({ key, keyOffset: -1, value: visit(child, depth + 1) });
      }
      return { kind: 'map', offset: -1, entries };
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', offset: -1, value };
    }
    return { kind: 'scalar', offset: -1, value: null };
  };
  return visit(json, 1);
}

/** JSON value of a node; objects have no prototype, so that a key such as `__proto__` is data. */
export function jsonOfNode(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(jsonOfNode);
  const json: { [key: string]: unknown } = Object.create(null);
  for (const entry of node.entries) json[entry.key] = jsonOfNode(entry.value);
  return json;
}

/** Value of a key, or `undefined` when the node is no map or doesn't have it. */
export function child(node: Node | undefined, key: string): Node | undefined {
  return entryOf(node, key)?.value;
}

/** Entry of a key. */
export function entryOf(node: Node | undefined, key: string): MapEntry | undefined {
  if (node?.kind !== 'map') return undefined;
  for (const entry of node.entries) if (entry.key === key) return entry;
  return undefined;
}

/** What a node is, for messages: `a list`, `the number 1`. */
export function describeNode(node: Node): string {
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  const { value } = node;
  if (value === null) return 'nothing';
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
  return typeof value === 'number' ? `the number ${node.plain ?? value}` : `the boolean ${value}`;
}

const plainKey = /^[A-Za-z_@][\w-]*$/;

/** Path segment of a key: `.name`, or `["a/b"]` when the key is no plain word. */
export function keySegment(key: string): string {
  return plainKey.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

const segment = /\.?([\w@-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** Offset of the deepest node that exists on a path; of the entry's key where the path ends at an entry. */
export function offsetOfPath(root: Node, path: string): number {
  let node: Node | undefined = root;
  let { offset } = root;
  segment.lastIndex = 0;
  for (let match = segment.exec(path); match && node; match = segment.exec(path)) {
    const [, name, index, quoted] = match;
    if (index !== undefined) {
      node = node.kind === 'list' ? node.items[Number(index)] : undefined;
      if (node) offset = node.offset;
      continue;
    }
    const key: string = name ?? (JSON.parse(quoted ?? '""') as string);
    const entry: MapEntry | undefined =
      entryOf(node, key) ??
      entryOf(
        node,
        key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      );
    node = entry?.value;
    if (entry) offset = entry.keyOffset;
  }
  return offset;
}
