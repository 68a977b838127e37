import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@lateen/runtime';
import { createTemporaryFolder } from '@lateen/testing';
import { expect, test } from 'vitest';
import { createProxyBinary, underWay } from './proxy-binary.ts';

test.each([
  ['nothing', '', 0],
  ['requests', 'http.inbound_9080.downstream_rq_active: 2\nhttp.b.downstream_rq_active: 1\n', 3],
  ['idle HTTP connections', 'http.inbound_9080.downstream_cx_active: 4\n', 0],
  ['TCP connections', 'tcp.outbound|4000.downstream_cx_active: 2\n', 2],
  ['the admin’s own', 'http.admin.downstream_rq_active: 1\n', 0],
  ['listeners', 'listener.127.0.0.1_1.downstream_cx_active: 1\n', 0],
])('under way: %s', (_what, statistics, expected) => {
  expect(underWay(statistics)).toBe(expected);
});

function binaryOf(path: string) {
  return createProxyBinary({
    binary: path,
    bootstrapFile: '/none',
    adminPort: 1,
    stopDrainMs: 100,
    clock: systemClock,
    logger: silentLogger,
    onEnd: () => {},
  });
}

test('a binary that is not there, or ends at once, says so', async () => {
  using folder = createTemporaryFolder();
  const path = join(folder.path, 'proxy');
  writeFileSync(path, '#!/bin/sh\nexit 3\n');
  chmodSync(path, 0o700);
  await expect(binaryOf(join(folder.path, 'missing')).start()).rejects.toThrow(/missing cannot be started/);
  await expect(binaryOf(path).start()).rejects.toThrow(/ended with exit code 3/);
});
