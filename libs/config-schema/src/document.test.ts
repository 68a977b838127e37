import { describe, expect, test } from 'vitest';
import { parseDocuments } from './document.ts';
import { jsonOfNode } from './node.ts';
import { formatViolation } from './violation.ts';

const said = (text: string): string[] => parseDocuments(text, 'a.yaml').violations.map(formatViolation);
const json = (text: string): unknown[] =>
  parseDocuments(text).documents.map(({ root }) => JSON.parse(JSON.stringify(jsonOfNode(root))));

describe('what is read', () => {
  test.each([
    [
      'several documents, empty ones left out',
      'a: 1\n---\n---\n# nothing\n---\nb: 2\n',
      [{ a: 1 }, { b: 2 }],
    ],
    ['JSON', '{"a": [1, true, null, "x"]}', [{ a: [1, true, null, 'x'] }]],
    ['keys as text', '8080: a\ntrue: b\n', [{ 8080: 'a', true: 'b' }]],
    [
      'anchors and merge keys',
      'a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n',
      [{ a: { x: 1, y: 2 }, b: { y: 3, x: 1 } }],
    ],
    ['a List as its items', 'apiVersion: v1\nkind: List\nitems: [{a: 1}, {b: 2}]\n', [{ a: 1 }, { b: 2 }]],
    ['a __proto__ key as data', '__proto__: {x: 1}\n', [JSON.parse('{"__proto__": {"x": 1}}')]],
  ])('%s', (_name, text, expected) => {
    expect(json(text)).toEqual(expected);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test('one broken document leaves the others', () => {
    const { documents, violations } = parseDocuments('a: [1\n---\nb: 2\n');
    expect(documents).toHaveLength(1);
    expect(violations).toHaveLength(1);
  });

  test('positions count from 1, in lines of any document', () => {
    const { documents } = parseDocuments('a: 1\n---\n  b: 2\n');
    expect(documents[1]?.positionOf(documents[1].root.offset)).toEqual({ line: 3, column: 3 });
  });
});

describe('what is refused', () => {
  test.each([
    [
      'a list item among fields',
      'http:\n- name: x\n  - match:\n    - uri: {exact: /a}\n',
      /^a\.yaml:3:3: error: .*expected another field.*"- match:".*remove the dash/,
    ],
    ['a tab as indentation', 'a:\n\tb: 1\n', /^a\.yaml:2:1: .*expected spaces/],
    ['an open quote', 'a: "b\nc: 1\n', /^a\.yaml:1:4: .*malformed YAML: this quote is not closed/],
    ['an open bracket', 'a: [1, 2\nb: 1\n', /^a\.yaml:2:\d+: .*malformed YAML/],
    ['two colons', 'a: b: c\n', /^a\.yaml:1:\d+: .*malformed YAML/],
    ['a key twice', 'spec: 1\nspec: 2\n', /^a\.yaml:2:1: .*duplicate key "spec"/],
    ["a language's own tag", 'a: !!js/function "x"\n', /^a\.yaml:1:\d+: .*unknown tag/],
    ['a tag', 'a: !foo x\n', /^a\.yaml:1:\d+: .*unknown tag|malformed/],
    ['an unknown alias', 'a: *b\n', /^a\.yaml:1:4: .*"&b"/],
    ['an alias within its anchor', 'a: &a [*a]\n', /^a\.yaml:1:\d+: .*"&a"/],
    ['a template', 'a: {{ .Values.x }}\n', /^a\.yaml:1:\d+: .*expected a plain key.*template/],
  ])('%s', (_name, text, expected) => {
    const lines = said(text);
    expect(lines[0]).toMatch(expected);
    expect(parseDocuments(text).documents).toEqual([]);
  });
});

describe('hostile input is bounded', () => {
  const bomb = [
    'a0: &a0 [x,x,x,x,x,x,x,x,x]',
    ...Array.from(
      { length: 9 },
      (_, level) => `a${level + 1}: &a${level + 1} [${Array(9).fill(`*a${level}`).join(',')}]`,
    ),
  ].join('\n');
  test.each([
    ['an alias bomb', bomb, /aliases expanded/],
    ['deep brackets', '['.repeat(100_000), /nested deeper/],
    ['deep braces', '{a: '.repeat(50_000), /nested deeper/],
    ['deep lists', `${'- '.repeat(50_000)}x`, /nested deeper/],
    ['deep explicit keys', `${'? '.repeat(50_000)}x`, /nested deeper/],
    ['a huge key', `${'a'.repeat(1_000_000)}: 1`, /1024/],
    ['very many documents', '---\n'.repeat(100_000), /documents/],
    ['very many values', `a: [${'1,'.repeat(1_000_000)}]`, /more than 100000 values/],
    ['an endless text', 'a'.repeat(9 * 1024 * 1024), /longer than 8 MiB/],
  ])('%s', (_name, text, expected) => {
    const { violations, documents } = parseDocuments(text);
    expect(violations.some(({ message, hint }) => expected.test(`${message} ${hint}`))).toBe(true);
    expect(violations.length).toBeLessThanOrEqual(20);
    expect(documents).toEqual([]);
  });

  test('many keys cost no more than their number', () => {
    const text = Array.from({ length: 90_000 }, (_, index) => `k${index}: 1`).join('\n');
    expect(parseDocuments(text).documents).toHaveLength(1);
  });
});
