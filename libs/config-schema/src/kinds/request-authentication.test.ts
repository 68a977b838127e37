import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['an issuer', { jwtRules: [{ issuer: 'a', jwksUri: 'https://a/b' }] }, []],
  ['an empty rule', { jwtRules: [{}] }, ['spec.jwtRules[0]']],
  ['a URI without scheme', { jwtRules: [{ issuer: 'a', jwksUri: 'a.b' }] }, ['spec.jwtRules[0].jwksUri']],
  ['keys that are none', { jwtRules: [{ issuer: 'a', jwks: 'x' }] }, ['spec.jwtRules[0].jwks']],
  [
    'a private key',
    { jwtRules: [{ issuer: 'a', jwks: '{"keys":[{"kty":"RSA","d":"x"}]}' }] },
    ['~spec.jwtRules[0].jwks'],
  ],
  [
    'dry run',
    {},
    ['metadata.annotations["istio.io/dry-run"]'],
    { annotations: { 'istio.io/dry-run': 'true' } },
  ],
];

test.each(cases)('RequestAuthentication: %s', (_name, spec, found, metadata) => {
  expect(verdict('RequestAuthentication', spec, metadata)).toEqual(found);
});
