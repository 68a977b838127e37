import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { LateenError } from './error.ts';
import { setting, SettingsReader } from './settings.ts';

test('every problem is reported at once, with the variable', () => {
  const reader = new SettingsReader({ PORT: 'x', WAIT: '5 minutes', MODE: 'fast' });
  reader.required('TOKEN_FILE', setting.text, 'where the join token is');
  reader.optional('PORT', setting.port, 80);
  reader.optional('WAIT', setting.durationMs, 1);
  reader.optional('MODE', setting.oneOf('slow', 'steady'), 'slow');
  const finish = (): unknown => reader.finish({});
  expect(finish).toThrow(LateenError);
  expect(finish).toThrow(
    /TOKEN_FILE is not set: where the join token is[^]*PORT: [^]*WAIT: [^]*MODE: .*slow, steady/,
  );
});

test('values and fallbacks', () => {
  const reader = new SettingsReader({ PORT: '0', WAIT: '1.5s', LIST: ' a, ,b', EMPTY: '' });
  expect(reader.optional('PORT', setting.port, 80)).toBe(0);
  expect(reader.optional('WAIT', setting.durationMs, 1)).toBe(1500);
  expect(reader.optional('LIST', setting.list, [])).toEqual(['a', 'b']);
  expect(reader.optional('EMPTY', setting.text, 'fallback')).toBe('fallback');
});

test('a secret is not printed', () => {
  const settings = new SettingsReader({ TOKEN: 'hunter2' }).required('TOKEN', setting.secret, 'login');
  expect(`${settings} ${JSON.stringify({ settings })} ${inspect(settings)}`).not.toContain('hunter2');
  expect(settings.reveal()).toBe('hunter2');
});
