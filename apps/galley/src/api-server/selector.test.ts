import { describe, expect, test } from 'vitest';
import { fieldSelector, labelSelector } from './selector.ts';

const labels = Object.assign(Object.create(null) as Record<string, string>, {
  app: 'reviews',
  version: 'v2',
});
const metadata = { name: 'reviews', namespace: 'default', labels, annotations: {} };
const entry = { object: { metadata } };

describe('label selectors', () => {
  test.each([
    ['app=reviews', true],
    ['app==reviews,version!=v1', true],
    ['app!=reviews', false],
    ['tier!=x', true],
    ['version in (v1, v2)', true],
    ['version notin (v1,v2),app', false],
    ['tier notin (x)', true],
    ['app', true],
    ['!app', false],
    ['!tier', true],
    ['constructor', false],
    ['', true],
  ])('%s: %s', (text, selected) => expect(labelSelector(text)(entry)).toBe(selected));

  test.each(['a b', 'a=b=c', 'in (x)', 'a in x'])('%s is refused', (text) =>
    expect(() => labelSelector(text)).toThrow('label selector'),
  );
});

test.each([
  ['metadata.name=reviews', true],
  ['metadata.namespace!=default', false],
])('field selector %s: %s', (text, selected) => expect(fieldSelector(text)(entry)).toBe(selected));

test('other fields are refused', () => expect(() => fieldSelector('spec.x=y')).toThrow('not supported'));
