import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['deny all', {}, []],
  ['allow a principal', { rules: [{ from: [{ source: { principals: ['*'] } }] }] }, []],
  ['an empty source', { rules: [{ from: [{ source: {} }] }] }, ['spec.rules[0].from[0].source']],
  ['an empty from', { rules: [{ from: [] }] }, ['spec.rules[0].from']],
  ['an empty operation', { rules: [{ to: [{ operation: {} }] }] }, ['spec.rules[0].to[0].operation']],
  ['DENY without rules', { action: 'DENY' }, ['spec.rules']],
  ['CUSTOM without provider', { action: 'CUSTOM', rules: [{}] }, ['spec.provider.name']],
  [
    'DENY by method on any port',
    { action: 'DENY', rules: [{ to: [{ operation: { methods: ['GET'] } }] }] },
    ['~spec.rules[0]'],
  ],
  [
    'an unknown attribute',
    { rules: [{ when: [{ key: 'source.ipp', values: ['1.1.1.1'] }] }] },
    ['spec.rules[0].when[0].key'],
  ],
  [
    'a bad CIDR',
    { rules: [{ from: [{ source: { ipBlocks: ['1.1.1.1/40'] } }] }] },
    ['spec.rules[0].from[0].source.ipBlocks[0]'],
  ],
  [
    'a selector with a wildcard',
    { selector: { matchLabels: { app: 'a*' } } },
    ['spec.selector.matchLabels.app'],
  ],
];

test.each(cases)('AuthorizationPolicy: %s', (_name, spec, found, metadata) => {
  expect(verdict('AuthorizationPolicy', spec, metadata)).toEqual(found);
});
