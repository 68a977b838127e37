import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
} from 'yaml';
import { InputBounds, type MapEntry, maxDepth, maxNodes, type Node } from './node.ts';
import type { Position, Violation } from './violation.ts';

/** One document of a text, decoded no further than to YAML's own values. */
export interface ConfigDocument {
  readonly root: Node;
  readonly file?: string;
  /** Position of an offset in the text; `undefined` for offsets of plain JSON. */
  positionOf(offset: number): Position | undefined;
}

/** Documents that are well formed, and what is wrong with the others. */
export interface ParsedDocuments {
  readonly documents: readonly ConfigDocument[];
  readonly violations: readonly Violation[];
}

/** Bounds of one text: UTF-16 units, documents, YAML tokens of a document, and violations that are told. */
export const textBounds = {
  length: 8 * 1024 * 1024,
  documents: 20_000,
  piecesPerDocument: 800_000,
  violations: 20,
} as const;

const coreTags = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((tag) => `tag:yaml.org,2002:${tag}`),
);

const hints: ReadonlyMap<string, string> = new Map([
  ['BAD_INDENT', 'expected entries of one level to start in one column'],
  ['TAB_AS_INDENT', 'expected spaces as indentation'],
  ['MISSING_CHAR', 'expected the closing quote, bracket or colon'],
  ['MULTILINE_IMPLICIT_KEY', 'expected "key: value"; a colon is missing or the indentation is off'],
  ['BAD_ALIAS', 'expected the name of an anchor'],
  ['UNEXPECTED_TOKEN', 'expected "key: value", a list item or the end of the document'],
  ['KEY_OVER_1024_CHARS', 'expected a key of at most 1024 characters'],
]);

/** CST tokens nest without bound and the composer recurses: depth is looked at before anything is composed. */
function deepOffset(token: CST.Token): number | undefined {
  const queue: { token: CST.Token; depth: number }[] = [{ token, depth: 0 }];
  for (let next = queue.pop(); next; next = queue.pop()) {
    const { depth } = next;
    if (depth > maxDepth) return next.token.offset;
    if ('value' in next.token && next.token.type === 'document' && next.token.value)
      queue.push({ token: next.token.value, depth });
    if (!('items' in next.token)) continue;
    for (const item of next.token.items) {
      if ('key' in item && item.key) queue.push({ token: item.key, depth: depth + 1 });
      if (item.value) queue.push({ token: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}

interface Problem {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

/** Turns composed YAML into nodes: keys become text, aliases the node they name, merge keys entries. */
class NodeBuilder {
  readonly problems: Problem[] = [];
  readonly #anchors = new Map<string, { node: Node; size: number }>();
  #size = 0;

  build(value: unknown): Node {
    const before = this.#size;
    this.#grow(1, value);
    if (isAlias(value)) return this.#alias(value);
    const node = this.#plain(value);
    const anchor = (value as { anchor?: string } | null)?.anchor;
    // Set after its content, so that an alias inside its own anchor is as unknown as any other.
    if (anchor) this.#anchors.set(anchor, { node, size: this.#size - before });
    return node;
  }

  #grow(by: number, at: unknown): void {
    this.#size += by;
    if (this.#size > maxNodes)
      throw new InputBounds(`more than ${maxNodes} values, aliases expanded`, offsetOf(at));
  }

  #alias(alias: Alias): Node {
    const target = this.#anchors.get(alias.source);
    if (!target) {
      this.problems.push({
        offset: offsetOf(alias),
        message: `no anchor "&${alias.source}" stands before this alias`,
      });
      return { kind: 'scalar', offset: offsetOf(alias), value: null };
    }
    this.#grow(target.size, alias);
    return target.node;
  }

  #plain(value: unknown): Node {
    const offset = offsetOf(value);
    const tag = (value as { tag?: string } | null)?.tag;
    if (tag && !coreTags.has(tag))
      this.problems.push({ offset, message: `unknown tag ${tag}`, hint: 'only plain YAML values are read' });
    if (isMap(value)) return { kind: 'map', offset, entries: this.#entries(value.items) };
    if (isSeq(value)) return { kind: 'list', offset, items: value.items.map((item) => this.build(item)) };
    if (isScalar(value)) {
      const content = value.value;
      const plain = value.type === 'PLAIN' ? value.source : undefined;
      if (typeof content === 'string' || typeof content === 'number' || typeof content === 'boolean') {
        return plain === undefined
          ? { kind: 'scalar', offset, value: content }
          : { kind: 'scalar', offset, value: content, plain };
      }
    }
    return { kind: 'scalar', offset, value: null };
  }

  #entries(pairs: readonly { key: unknown; value: unknown }[]): MapEntry[] {
    const entries: MapEntry[] = [];
    const seen = new Map<string, number>();
    const merged: MapEntry[] = [];
    for (const pair of pairs) {
      const keyOffset = offsetOf(pair.key);
      if (!isScalar(pair.key)) {
        this.problems.push({
          offset: keyOffset,
          message: 'expected a plain key',
          hint: 'a template that was not filled in looks like this',
        });
        continue;
      }
      const key = pair.key.type === 'PLAIN' ? (pair.key.source ?? '') : String(pair.key.value ?? '');
      const value = this.build(pair.value);
      if (key === '<<' && pair.key.type === 'PLAIN') {
        for (const source of value.kind === 'list' ? value.items : [value])
          if (source.kind === 'map') merged.push(...source.entries);
        continue;
      }
      if (seen.has(key))
        this.problems.push({
          offset: keyOffset,
          message: `duplicate key "${key}"`,
          hint: 'remove one of the two',
        });
      seen.set(key, keyOffset);
      entries.push({ key, keyOffset, value });
    }
    for (const entry of merged) {
      if (seen.has(entry.key)) continue;
      seen.set(entry.key, entry.keyOffset);
      entries.push(entry);
    }
    this.#grow(merged.length, undefined);
    return entries;
  }
}

function offsetOf(value: unknown): number {
  return (value as { range?: [number, number, number] | null } | null)?.range?.[0] ?? 0;
}

/** A list item where a mapping expects a field: what a misplaced dash looks like to the parser. */
function misplacedDash(text: string, offset: number): Problem | undefined {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', lineStart);
  const line = text.slice(lineStart, end < 0 ? undefined : end).slice(0, 200);
  const item = /^( *)(- +([\w.@/-]+) *:)/.exec(line);
  if (!item) return undefined;
  return {
    offset: lineStart + (item[1]?.length ?? 0),
    message: `malformed YAML: expected another field of the mapping above, found the list item "${item[2]}"`,
    hint: `remove the dash before "${item[3]}", or align it with the list it belongs to`,
  };
}

/** The parser points at where the text ends; the quote that was left open is the place to look at. */
function openQuote(text: string, offset: number): Problem {
  const before = text.slice(0, offset);
  const at = Math.max(before.lastIndexOf('"'), before.lastIndexOf("'"));
  return {
    offset: Math.max(0, at),
    message: 'malformed YAML: this quote is not closed',
    hint: 'expected the same quote at the end of the text',
  };
}

/** The parser points at a line's indentation; people look for what stands after it. */
function firstCharacter(text: string, offset: number): number {
  let at = offset;
  while (text[at] === ' ') at += 1;
  return at < text.length && text[at] !== '\n' ? at : offset;
}

function syntaxProblems(text: string, document: Document): Problem[] {
  const problems: Problem[] = [];
  for (const error of document.errors) {
    const offset = error.pos[0];
    const dash = error.code === 'BLOCK_AS_IMPLICIT_KEY' ? misplacedDash(text, offset) : undefined;
    if (dash) {
      problems.push(dash);
      continue;
    }
    const quote = /Missing closing ["'](quote)/.test(error.message);
    if (quote) {
      problems.push(openQuote(text, offset));
      continue;
    }
    const said = error.message.split('\n')[0] ?? error.code;
    const hint = hints.get(error.code);
    problems.push({
      offset: firstCharacter(text, offset),
      message: `malformed YAML: ${said}`,
      ...(hint ? { hint } : {}),
    });
  }
  return problems;
}

/** `kind: List` holds documents of its own. */
function expandList(root: Node): readonly Node[] {
  if (root.kind !== 'map') return [root];
  let isList = false;
  let items: readonly Node[] | undefined;
  for (const { key, value } of root.entries) {
    if (key === 'kind' && value.kind === 'scalar' && value.value === 'List') isList = true;
    if (key === 'items' && value.kind === 'list') items = value.items;
  }
  return isList && items ? items : [root];
}

/** Documents' tokens; a document of more pieces than any honest one has is given up while it is read. */
function* tokensOf(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let pieces = 0;
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    pieces += 1;
    offset += lexeme.length;
    if (pieces > textBounds.piecesPerDocument)
      throw new InputBounds(`more than ${maxNodes} values in one document`, offset);
    for (const token of parser.next(lexeme)) {
      if (token.type === 'document') pieces = 0;
      yield token;
    }
  }
  yield* parser.end();
}

/**
 * Splits a YAML (or JSON) text into documents. Empty documents vanish, a `kind: List` becomes its items. Duplicate
 * keys, unknown tags, aliases that expand without bound, depth beyond 100 levels and malformed text are violations with
 * their position; a document with one of them isn't returned.
 */
export function parseDocuments(text: string, file?: string): ParsedDocuments {
  const documents: ConfigDocument[] = [];
  const violations: Violation[] = [];
  const lines = new LineCounter();
  const positionOf = (offset: number): Position | undefined => {
    if (offset < 0) return undefined;
    const { line, col } = lines.linePos(offset);
    return { ...(file === undefined ? {} : { file }), line: Math.max(1, line), column: Math.max(1, col) };
  };
  const refuse = (problems: readonly Problem[]): void => {
    // One slip makes the parser complain about every line after it; the first complaint of a line is the useful one.
    const seen = new Set<number>();
    for (const { offset, message, hint } of problems) {
      if (violations.length >= textBounds.violations) return;
      const position = positionOf(offset);
      if (position && seen.has(position.line)) continue;
      if (position) seen.add(position.line);
      violations.push({
        path: '',
        message,
        severity: 'error',
        ...(position ? { position } : {}),
        ...(hint ? { hint } : {}),
      });
    }
  };
  if (text.length > textBounds.length) {
    refuse([{ offset: 0, message: `the text is longer than ${textBounds.length / 1024 / 1024} MiB` }]);
    return { documents, violations };
  }

  const accept = (document: Document): void => {
    const syntax = syntaxProblems(text, document);
    if (syntax.length > 0) return refuse(syntax);
    if (document.contents === null) return;
    const builder = new NodeBuilder();
    try {
      const root = builder.build(document.contents);
      if (builder.problems.length > 0) return refuse(builder.problems);
      if (root.kind === 'scalar' && root.value === null) return;
      for (const item of expandList(root))
        documents.push({ root: item, positionOf, ...(file === undefined ? {} : { file }) });
    } catch (error) {
      if (!(error instanceof InputBounds)) throw error;
      refuse([{ offset: error.offset, message: error.message }]);
    }
  };

  const composer = new Composer({
    uniqueKeys: false,
    prettyErrors: false,
    merge: false,
    version: '1.2',
    logLevel: 'error',
  });
  let count = 0;
  let tooDeep = false;
  const take = (token: CST.Token): void => {
    if (token.type === 'document') {
      count += 1;
      if (count > textBounds.documents)
        throw new InputBounds(`more than ${textBounds.documents} documents in one text`, token.offset);
      const deep = deepOffset(token);
      if (deep !== undefined) {
        refuse([{ offset: deep, message: `nested deeper than ${maxDepth} levels` }]);
        tooDeep = true;
        return;
      }
    }
    // What belongs to a document that was left out for its depth must not be taken for one of its own.
    const isLeftOver = tooDeep && token.type === 'doc-end';
    tooDeep = false;
    if (!isLeftOver) for (const document of composer.next(token)) accept(document);
  };
  try {
    for (const token of tokensOf(text, lines)) take(token);
    for (const document of composer.end(false, text.length)) accept(document);
  } catch (error) {
    if (!(error instanceof InputBounds)) throw error;
    refuse([{ offset: error.offset, message: error.message }]);
  }
  return { documents, violations };
}
