import { describe, expect, test } from 'vitest';
import { isPattern, isSubject, subjectMatches } from './subject.ts';

describe('a pattern hears a subject', () => {
  test.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a.b', 'a.b.c', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*.c', 'a.b.c', true],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['>', 'a', true],
  ])('%s hears %s: %s', (pattern, subject, hears) => expect(subjectMatches(pattern, subject)).toBe(hears));
});

test.each([
  ['a.b', true, true],
  ['a.*', false, true],
  ['a.>', false, true],
  ['a.>.b', false, false],
  ['a..b', false, false],
  ['', false, false],
  ['a b', false, false],
])('%s is a subject: %s, a pattern: %s', (text, subject, pattern) => {
  expect(isSubject(text)).toBe(subject);
  expect(isPattern(text)).toBe(pattern);
});
