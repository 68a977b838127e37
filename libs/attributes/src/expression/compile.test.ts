import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MutableBag } from '../bag.ts';
import { TrackedBag } from '../reference/tracker.ts';
import { attribute, type RawValue } from '../value.ts';
import { standardVocabulary } from '../vocabulary.ts';
import { compileExpression } from './compile.ts';
import { EvaluationFailure } from './failure.ts';
import { expressionLimits, parseExpression } from './parse.ts';
import { printExpression, requiredEqualities } from './tree.ts';

const bag = new MutableBag()
  .set('source.labels', attribute.stringMap(new Map([['app', 'reviews']])))
  .set('request.path', attribute.string('/a'))
  .set('request.size', attribute.int64(10))
  .set('response.duration', attribute.duration({ seconds: 0, nanos: 20_000_000 }))
  .set('source.ip', attribute.bytes(Uint8Array.of(10, 0, 0, 1)));

function evaluate(text: string): RawValue | string {
  const compiled = compileExpression(text, { vocabulary: standardVocabulary });
  if ('complaint' in compiled) return `complaint: ${compiled.complaint}`;
  const value = compiled.expression.evaluate(bag);
  return value instanceof EvaluationFailure ? `failure: ${value.message}` : value;
}

test.each([
  ['source.labels["app"] == "reviews"', true],
  ['source.labels["none"] == ""', true],
  ['source.labels["none"] | "unknown"', 'unknown'],
  ['destination.labels["app"] | source.labels["app"] | "unknown"', 'reviews'],
  ['request.path | "x" == "/a"', true],
  ['request.method == "GET"', "failure: lookup failed: 'request.method'"],
  ['request.size + 5 * 1', 'complaint: unknown function: MUL'],
  ['request.size >= 10 && request.size < 11', true],
  ['response.duration < "1s"', true],
  ['source.ip == ip("::ffff:10.0.0.1")', true],
  ['"^/[a-z]$".matches(request.path)', true],
  ['"(".matches(request.path)', 'failure: error parsing regexp: missing closing ): `(`'],
  ['match(request.path, "*a") && request.path.startsWith("/")', true],
  ['request.path == 1', 'complaint: EQ($request.path, 1) arg 2 (1) typeError got INT64, expected STRING'],
  ['conditional(request.size > 5, "big", "small")', 'big'],
  ['TRUE || request.method == "GET"', true],
  ['`back` + "\\u0071\\x21"', 'backq!'],
  ['0x10 + 010', 24],
  ['true // the rest of the line', true],
])('%s', (text, expected) => {
  expect(evaluate(text)).toEqual(expected);
});

describe('syntax', () => {
  test.each([
    ['a ==\n b && c', 'LAND(EQ($a, $b), $c)'],
    ['a\n', '$a'],
    ['a | b == c + d && !e', 'LAND(EQ(OR($a, $b), ADD($c, $d)), NOT($e))'],
    ['a.b["x"].c("y")', 'INDEX($a.b, "x"):c("y")'],
  ])('%j', (text, printed) => {
    const parsed = parseExpression(text);
    expect('expression' in parsed ? printExpression(parsed.expression) : parsed.complaint).toBe(printed);
  });

  test.each([
    ['', "1:1: expected operand, found 'EOF'"],
    ['a\n&& b', "2:1: expected 'EOF', found '&&'"],
    ['a b', "1:3: expected 'EOF', found b"],
    ['"open', '1:1: string literal not terminated'],
    ['ü &', "1:5: expected operand, found 'EOF'"],
    ['f(a b)', "1:5: missing ',' in argument list"],
    ['a[', "1:3: expected operand, found 'EOF'"],
  ])('%j is refused where it goes wrong', (text, complaint) => {
    expect(parseExpression(text)).toEqual({
      complaint: `unable to parse expression '${text}': ${complaint}`,
    });
  });

  test('depth and length are bounded', () => {
    for (const text of ['('.repeat(5000), '!'.repeat(5000), 'a'.repeat(expressionLimits.length + 1)]) {
      expect(parseExpression(text)).toMatchObject({
        complaint: expect.stringMatching(/nested deeper|longer than/),
      });
    }
    expect(parseExpression(`a${' && a'.repeat(3000)}`)).toHaveProperty('expression');
  });

  test('any text is parsed or refused, never thrown at', () => {
    const piece = fc.constantFrom(
      'a',
      '.',
      '[',
      ']',
      '(',
      ')',
      '"x"',
      '|',
      '==',
      '&&',
      '!',
      '1',
      '1.5',
      '\n',
      ',',
      '`',
      "'",
      '{',
      '/*',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((parts) => parts.join('')),
        ),
        (text) => {
          const parsed = parseExpression(text);
          if ('expression' in parsed) printExpression(parsed.expression);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('what is short-circuited is not referenced', () => {
  const compiled = compileExpression(
    'request.path == "/b" && request.size > 1 || source.labels["app"] == "x"',
    {
      vocabulary: standardVocabulary,
    },
  );
  if ('complaint' in compiled) throw new Error(compiled.complaint);
  const tracked = new TrackedBag(bag);
  expect(compiled.expression.evaluate(tracked)).toBe(false);
  const { words = [], attributeMatches = [] } = tracked.referenced();
  expect(attributeMatches).toEqual([
    { name: 17, condition: 2 },
    { name: 5, condition: 2, mapKey: -1 },
  ]);
  expect(words).toEqual(['app']);
});

test('equalities that must hold are found on either side', () => {
  const parsed = parseExpression('"x" == a && (b == 2 && (c == 3 || d == 4))');
  if ('complaint' in parsed) throw new Error(parsed.complaint);
  const found = [...requiredEqualities(parsed.expression)].map(([name, { value }]) => [name, value]);
  expect(found).toEqual([
    ['a', 'x'],
    ['b', 2],
  ]);
});
