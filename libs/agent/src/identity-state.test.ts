import { expect, test } from 'vitest';
import { type IdentityEvent, type IdentityState, nextState, renewalTime } from './identity-state.ts';

test.each<[IdentityState, IdentityEvent, IdentityState | undefined]>([
  ['idle', 'join', 'requesting'],
  ['idle', 'issued', undefined],
  ['idle', 'failed', undefined],
  ['requesting', 'issued', 'active'],
  ['requesting', 'failed', 'degraded'],
  ['requesting', 'join', undefined],
  ['active', 'renew', 'rotating'],
  ['active', 'join', 'requesting'],
  ['active', 'issued', undefined],
  ['rotating', 'issued', 'active'],
  ['rotating', 'failed', 'degraded'],
  ['rotating', 'renew', undefined],
  ['degraded', 'renew', 'rotating'],
  ['degraded', 'join', 'requesting'],
  ['degraded', 'stop', 'idle'],
  ['rotating', 'stop', 'idle'],
])('%s, %s: %s', (state, event, expected) => {
  expect(nextState(state, event)).toBe(expected);
});

test.each([
  [0, 1490],
  [0.5, 1500],
  [1, 1510],
])('renewal at half life, random %d', (random, expected) => {
  expect(renewalTime({ receivedAtMs: 1000, notAfterMs: 2000 }, random)).toBeCloseTo(expected, 6);
});

test('a certificate that came too late is renewed at once', () => {
  expect(renewalTime({ receivedAtMs: 3000, notAfterMs: 2000 }, 0.5)).toBe(3000);
});
