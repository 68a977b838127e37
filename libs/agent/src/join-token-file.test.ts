import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@lateen/runtime';
import { createTemporaryFolder } from '@lateen/testing';
import { expect, test } from 'vitest';
import { joinTokenFile } from './join-token-file.ts';

test('waits for the token, and reads the newest each time', async () => {
  using folder = createTemporaryFolder();
  const path = join(folder.path, 'pilot');
  const read = joinTokenFile(path, { clock: systemClock, timeoutMs: 5000 });
  const first = read();
  await writeFile(path, 'one\n');
  expect(await first).toBe('one');
  await writeFile(path, 'two\n');
  expect(await read()).toBe('two');
});

test('says what is missing when none comes', async () => {
  const read = joinTokenFile('/nonexistent/tokens/pilot', { clock: systemClock, timeoutMs: 1 });
  await expect(read()).rejects.toThrow('/nonexistent/tokens/pilot');
  await expect(read()).rejects.toThrow(/is citadel running with the same LATEEN_STATE_DIR/);
});
