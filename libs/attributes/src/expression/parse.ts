import { parseDurationText } from '../duration-text.ts';
import { type SyntaxComplaint, type Token, tokenize } from './token.ts';
import type { Expression } from './tree.ts';

/** Longest expression that is read, in UTF-16 units, and deepest nesting. */
export const expressionLimits = { length: 16_384, depth: 100 } as const;

/** The expression, or one sentence that says what is wrong with it. */
export type Parsed = { readonly expression: Expression } | { readonly complaint: string };

/** Binary operators with Go's precedence (higher binds tighter) and the function they stand for. */
const binary: ReadonlyMap<string, readonly [precedence: number, name: string]> = new Map([
  ['||', [1, 'LOR']],
  ['&&', [2, 'LAND']],
  ['==', [3, 'EQ']],
  ['!=', [3, 'NEQ']],
  ['<', [3, 'LT']],
  ['<=', [3, 'LEQ']],
  ['>', [3, 'GT']],
  ['>=', [3, 'GEQ']],
  ['+', [4, 'ADD']],
  ['-', [4, 'SUB']],
  ['|', [4, 'OR']],
  ['^', [4, 'XOR']],
  ['*', [5, 'MUL']],
  ['/', [5, 'QUO']],
  ['%', [5, 'REM']],
  ['<<', [5, 'SHL']],
  ['>>', [5, 'SHR']],
  ['&', [5, 'AND']],
  ['&^', [5, 'AND_NOT']],
]);

const unary: ReadonlyMap<string, string> = new Map([
  ['+', 'ADD'],
  ['-', 'SUB'],
  ['!', 'NOT'],
  ['^', 'XOR'],
  ['&', 'AND'],
  ['<-', 'ARROW'],
]);

class Refusal extends Error {}

/** What Go's grammar takes; Mixer uses a part of it. */
type Node = { kind: 'expression'; expression: Expression } | { kind: 'name'; name: string };

class Parser {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], source: string) {
    this.#tokens = tokens;
    this.#source = source;
  }

  whole(): Expression {
    const node = this.#binary(1);
    if (this.#next.kind === 'newline') this.#at += 1;
    if (this.#next.kind !== 'end') this.#refuse(this.#next, `expected 'EOF', found ${quoted(this.#next)}`);
    return this.#use(node);
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #is(operator: string): boolean {
    return this.#next.kind === 'operator' && this.#next.text === operator;
  }

  #expect(operator: string): void {
    if (!this.#is(operator)) this.#refuse(this.#next, `expected '${operator}', found ${quoted(this.#next)}`);
    this.#at += 1;
  }

  #refuse(at: Pick<SyntaxComplaint, 'line' | 'column'>, message: string): never {
    throw new Refusal(`unable to parse expression '${this.#source}': ${at.line}:${at.column}: ${message}`);
  }

  /** The value that a node stands for; names become attributes or `true` and `false`. */
  #use(node: Node): Expression {
    if (node.kind === 'expression') return node.expression;
    const lower = node.name.toLowerCase();
    if (lower === 'true' || lower === 'false') {
      return { kind: 'constant', type: 'BOOL', value: lower === 'true', text: lower };
    }
    return { kind: 'attribute', name: node.name };
  }

  #call(name: string, parameters: readonly Expression[], target?: Expression): Node {
    return { kind: 'expression', expression: { kind: 'call', name, target, parameters } };
  }

  #binary(lowest: number): Node {
    let left = this.#unary();
    for (;;) {
      if (this.#is('=')) this.#refuse(this.#next, "expected '==', found '='");
      const operator = this.#next.kind === 'operator' ? binary.get(this.#next.text) : undefined;
      if (!operator || operator[0] < lowest) return left;
      this.#at += 1;
      const right = this.#binary(operator[0] + 1);
      left = this.#call(operator[1], [this.#use(left), this.#use(right)]);
    }
  }

  #unary(): Node {
    if (++this.#depth > expressionLimits.depth) {
      throw new Refusal(`the expression is nested deeper than ${expressionLimits.depth} levels`);
    }
    try {
      if (this.#next.kind === 'operator') {
        if (this.#is('*')) this.#foreign('* in front of an operand');
        const name = unary.get(this.#next.text);
        if (name) {
          this.#at += 1;
          return this.#call(name, [this.#use(this.#unary())]);
        }
      }
      return this.#primary();
    } finally {
      this.#depth -= 1;
    }
  }

  #primary(): Node {
    let node = this.#operand();
    for (;;) {
      if (this.#is('.')) node = this.#selector(node);
      else if (this.#is('(')) {
        if (node.kind !== 'name') this.#foreign('a call of something that is no name');
        node = this.#call(node.name, this.#list('(', ')'));
      } else if (this.#is('[')) {
        this.#at += 1;
        const key = this.#use(this.#binary(1));
        this.#expect(']');
        node = this.#call('INDEX', [this.#use(node), key]);
      } else if (this.#is('{')) this.#foreign('a literal in braces');
      else return node;
    }
  }

  #foreign(what: string): never {
    throw new Refusal(`unexpected expression: ${what}`);
  }

  /** `.name`: longer attribute name, or a method call when `(` follows. */
  #selector(node: Node): Node {
    this.#at += 1;
    const token = this.#next;
    if (token.kind !== 'identifier')
      this.#refuse(token, `expected selector or type assertion, found ${quoted(token)}`);
    this.#at += 1;
    if (this.#is('(')) return this.#call(token.text, this.#list('(', ')'), this.#use(node));
    if (node.kind !== 'name') this.#foreign(`a selector .${token.text} on something that is no attribute`);
    return { kind: 'name', name: `${node.name}.${token.text}` };
  }

  #list(open: string, close: string): Expression[] {
    this.#expect(open);
    const items: Expression[] = [];
    while (!this.#is(close) && this.#next.kind !== 'end') {
      items.push(this.#use(this.#binary(1)));
      if (this.#is(',')) this.#at += 1;
      else if (!this.#is(close)) this.#refuse(this.#next, `missing ',' in argument list`);
    }
    this.#expect(close);
    return items;
  }

  #operand(): Node {
    const token = this.#next;
    const constant = this.#constant(token);
    if (constant) {
      this.#at += 1;
      return { kind: 'expression', expression: constant };
    }
    if (token.kind === 'identifier') {
      this.#at += 1;
      return { kind: 'name', name: token.text };
    }
    if (this.#is('(')) {
      this.#at += 1;
      const inner = this.#binary(1);
      this.#expect(')');
      return { kind: 'expression', expression: this.#use(inner) };
    }
    return this.#refuse(token, `expected operand, found ${quoted(token)}`);
  }

  #constant(token: Token): Expression | undefined {
    const { kind, text } = token;
    if (kind === 'imaginary') this.#foreign('an imaginary number');
    if (kind === 'integer') {
      const digits = text.replaceAll('_', '');
      const value = Number(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
      return { kind: 'constant', type: 'INT64', value, text };
    }
    if (kind === 'float')
      return { kind: 'constant', type: 'DOUBLE', value: Number(text.replaceAll('_', '')), text };
    if (kind !== 'text') return undefined;
    const value = unquote(text);
    if (value === undefined) this.#refuse(token, 'unknown escape sequence');
    const duration = parseDurationText(value);
    return duration
      ? { kind: 'constant', type: 'DURATION', value: duration, text }
      : { kind: 'constant', type: 'STRING', value, text };
  }
}

function quoted(token: Token): string {
  if (token.kind === 'operator' || token.kind === 'end') return `'${token.text}'`;
  return token.text;
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

/** Text of a Go string literal; `undefined` when an escape is unknown. */
function unquote(literal: string): string | undefined {
  const body = literal.slice(1, -1);
  if (literal.startsWith('`')) return body.replaceAll('\r', '');
  if (!literal.startsWith('"')) return undefined;
  if (!body.includes('\\')) return body;
  const bytes: Buffer[] = [];
  const sequence =
    /\\(?:x([\da-fA-F]{2})|([0-7]{3})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([abfnrtv\\"]))|([^\\]+)/gy;
  let end = 0;
  for (const match of body.matchAll(sequence)) {
    const [all, hex, octal, short, long, simple, plain] = match;
    end = match.index + all.length;
    const byte =
      hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : -1;
    if (byte > 255) return undefined;
    if (byte >= 0) {
      bytes.push(Buffer.from([byte]));
      continue;
    }
    const code = short ?? long;
    const point = code === undefined ? undefined : Number.parseInt(code, 16);
    if (point !== undefined && point > 0x10ffff) return undefined;
    bytes.push(Buffer.from(point === undefined ? (plain ?? escapes[simple!]!) : String.fromCodePoint(point)));
  }
  return end === body.length ? Buffer.concat(bytes).toString() : undefined;
}

/**
 * Parses an expression in Go's grammar, of which Mixer takes literals, dotted attribute names, operators, calls,
 * method calls and map indices. Source: istio/istio `mixer/pkg/lang/ast`.
 */
export function parseExpression(source: string): Parsed {
  if (source.length > expressionLimits.length) {
    return { complaint: `the expression is longer than ${expressionLimits.length} characters` };
  }
  const result = tokenize(source);
  if ('complaint' in result) {
    const { line, column, message } = result.complaint;
    return { complaint: `unable to parse expression '${source}': ${line}:${column}: ${message}` };
  }
  try {
    return { expression: new Parser(result.tokens, source).whole() };
  } catch (error) {
    if (error instanceof Refusal) return { complaint: error.message };
    throw error;
  }
}
