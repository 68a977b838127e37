/** A lexical element of an expression, in Go's lexis. */
export interface Token {
  readonly kind: 'identifier' | 'integer' | 'float' | 'imaginary' | 'text' | 'operator' | 'newline' | 'end';
  /** As written; for `end` and `newline` what Go calls them. */
  readonly text: string;
  /** Offset of the first byte, from 0: Go counts columns in bytes. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** What is wrong where. Line and column from 1, columns in bytes. */
export interface SyntaxComplaint {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

// Longest first: the first one that fits is the token.
const operators = [
  '&^=',
  '<<=',
  '>>=',
  '...',
  '&&',
  '||',
  '==',
  '!=',
  '<=',
  '>=',
  '<-',
  '<<',
  '>>',
  '&^',
  '++',
  '--',
  ':=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '&=',
  '|=',
  '^=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '&',
  '|',
  '^',
  '<',
  '>',
  '=',
  '!',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  '.',
  ';',
  ':',
  '~',
];

const patterns = {
  blank: /[ \t\r]+/y,
  lineComment: /\/\/[^\n]*/y,
  blockComment: /\/\*[^]*?\*\//y,
  identifier: /[\p{L}_][\p{L}\p{Nd}_]*/uy,
  number:
    /(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+(?![\d.eE])|(?:\d[\d_]*)?\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*\.?(?:[eE][+-]?\d+)?)i?/y,
  text: /"(?:[^"\\\n]|\\[^\n])*"/y,
  rawText: /`[^`]*`/y,
} as const;

/** After these, Go reads the end of a line as the end of the expression. */
function endsOperand(token: Token | undefined): boolean {
  if (!token) return false;
  return token.kind === 'operator' ? /^(?:\)|\]|\}|\+\+|--)$/.test(token.text) : token.kind !== 'newline';
}

/** Splits an expression into tokens; the last one is `end`. The first complaint ends the work. */
export function tokenize(
  source: string,
): { readonly tokens: readonly Token[] } | { readonly complaint: SyntaxComplaint } {
  const tokens: Token[] = [];
  let index = 0;
  let line = 1;
  let lineStart = 0;

  const bytes = (from: number, to: number): number => Buffer.byteLength(source.slice(from, to));
  const position = (at: number): { line: number; column: number } => ({
    line,
    column: bytes(lineStart, at) + 1,
  });
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = index;
    return pattern.exec(source)?.[0];
  };
  const push = (kind: Token['kind'], text: string): void => {
    tokens.push({ kind, text, offset: bytes(0, index), ...position(index) });
    index += text.length;
  };
  const skip = (text: string): void => {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      line += 1;
      lineStart = index + at + 1;
    }
    index += text.length;
  };

  while (index < source.length) {
    if (source[index] === '\n') {
      if (endsOperand(tokens.at(-1)))
        tokens.push({ kind: 'newline', text: 'newline', offset: bytes(0, index), ...position(index) });
      skip('\n');
      continue;
    }
    const blank = take(patterns.blank) ?? take(patterns.lineComment) ?? take(patterns.blockComment);
    if (blank !== undefined) {
      skip(blank);
      continue;
    }
    const identifier = take(patterns.identifier);
    if (identifier !== undefined) {
      push('identifier', identifier);
      continue;
    }
    const number = /[\d.]/.test(source[index]!) ? take(patterns.number) : undefined;
    if (number !== undefined) {
      const hex = /^0[xX]/.test(number);
      push(number.endsWith('i') ? 'imaginary' : !hex && /[.eE]/.test(number) ? 'float' : 'integer', number);
      continue;
    }
    const text = take(patterns.text);
    if (text !== undefined) {
      push('text', text);
      continue;
    }
    const raw = take(patterns.rawText);
    if (raw !== undefined) {
      tokens.push({ kind: 'text', text: raw, offset: bytes(0, index), ...position(index) });
      skip(raw);
      continue;
    }
    const operator = operators.find((candidate) => source.startsWith(candidate, index));
    if (operator !== undefined) {
      push('operator', operator);
      continue;
    }
    return { complaint: { ...position(index), message: illegal(source, index) } };
  }
  tokens.push({ kind: 'end', text: 'EOF', offset: bytes(0, index), ...position(index) });
  return { tokens };
}

function illegal(source: string, index: number): string {
  const character = String.fromCodePoint(source.codePointAt(index)!);
  if (character === '"') return 'string literal not terminated';
  if (character === '`') return 'raw string literal not terminated';
  if (character === "'") return 'illegal rune literal';
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return `illegal character U+${code} '${character}'`;
}
