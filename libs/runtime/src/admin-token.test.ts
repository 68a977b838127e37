import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adminToken } from './admin-token.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-token-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('it is made once, for its owner alone', () => {
  const state = join(folder, 'state');
  const first = adminToken(state).reveal();
  expect(first).toMatch(/^[\w-]{43}$/);
  expect(adminToken(state).reveal()).toBe(first);
  expect(statSync(join(state, 'admin-token')).mode & 0o777).toBe(0o600);
  expect(readdirSync(state)).toEqual(['admin-token']);
});

test('an empty one, or one that others can read, is refused with the way out', () => {
  const file = join(folder, 'admin-token');
  writeFileSync(file, '\n', { mode: 0o600 });
  expect(() => adminToken(folder)).toThrow(/is empty: remove it/);
  writeFileSync(file, 'token\n');
  chmodSync(file, 0o644);
  expect(() => adminToken(folder)).toThrow(/chmod 600/);
});
