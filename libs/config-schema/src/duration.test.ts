import { expect, test } from 'vitest';
import { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from './duration.ts';

test.each([
  ['1.5s', 1, 500_000_000, '1.5s'],
  ['100ms', 0, 100_000_000, '0.1s'],
  ['1h30m', 5400, 0, '5400s'],
  ['1us', 0, 1000, '0.000001s'],
  ['-2.5s', -2, -500_000_000, '-2.5s'],
  ['0', 0, 0, '0s'],
  ['0.000000001s', 0, 1, '0.000000001s'],
  ['1500ms', 1, 500_000_000, '1.5s'],
  ['.5s', 0, 500_000_000, '0.5s'],
])('%s', (text, seconds, nanos, formatted) => {
  const duration = parseDuration(text);
  expect(duration).toEqual({ seconds, nanos });
  expect(formatDuration(duration ?? {})).toBe(formatted);
});

test.each(['', '10', 's', '1x', '1 s', '1s ', '--1s', '999999999999h', 'h1', '1e3s', '.s'])(
  '"%s" is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  ['2024-01-31T12:00:00Z', '2024-01-31T12:00:00Z'],
  ['2024-01-31T12:00:00.25+02:00', '2024-01-31T10:00:00.25Z'],
])('time %s', (text, formatted) => {
  expect(formatTimestamp(parseTimestamp(text) ?? {})).toBe(formatted);
});

test.each(['2024-01-31', 'now', '2024-13-31T12:00:00Z'])('"%s" is no time', (text) => {
  expect(parseTimestamp(text)).toBeUndefined();
});
