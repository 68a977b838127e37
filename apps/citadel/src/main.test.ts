import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryFolder } from '@lateen/testing';
import { expect, test } from 'vitest';

function spawnCitadel(environment: Record<string, string>): ChildProcess {
  return fork(join(import.meta.dirname, 'main.ts'), {
    env: { ...process.env, ...environment },
    silent: true,
  });
}

test('killed without warning, it comes back with the same root', async () => {
  using folder = createTemporaryFolder();
  const environment = {
    LATEEN_STATE_DIR: folder.path,
    CITADEL_ADDRESS: '127.0.0.1:0',
    CITADEL_ADMIN_ADDRESS: '127.0.0.1:0',
  };
  const root = (): string => readFileSync(join(folder.path, 'citadel/ca-cert.pem'), 'utf8');
  const first = spawnCitadel(environment);
  const [ready] = (await once(first, 'message')) as [{ ready: boolean; port: number }];
  expect(ready).toMatchObject({ ready: true, port: expect.any(Number) });
  const before = root();
  first.kill('SIGKILL');
  await once(first, 'exit');
  const second = spawnCitadel(environment);
  await once(second, 'message');
  expect(root()).toBe(before);
  second.kill('SIGTERM');
  expect(await once(second, 'exit')).toEqual([0, null]);
});

test('wrong settings end it with code 2 and every problem in one message', async () => {
  const child = spawnCitadel({ CITADEL_ADDRESS: 'nowhere', MAX_WORKLOAD_CERT_TTL: 'long' });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  expect(await once(child, 'close')).toEqual([2, null]);
  expect(errors).toMatch(/CITADEL_ADDRESS: expected HOST:PORT/);
  expect(errors).toMatch(/MAX_WORKLOAD_CERT_TTL: expected a duration/);
});
