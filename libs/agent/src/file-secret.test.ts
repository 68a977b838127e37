import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryFolder, createTestAuthority } from '@lateen/testing';
import { expect, test } from 'vitest';
import { parseSecretFiles, readSecretFiles } from './file-secret.ts';

test.each([
  ['file-cert:/c~/k', { kind: 'certificate', certificate: '/c', key: '/k' }],
  ['file-root:/ca', { kind: 'roots', roots: '/ca' }],
  ['file-cert:/c', undefined],
  ['file-cert:c~k', undefined],
  ['file-cert:/c~', undefined],
  ['file-cert:/c~/k~/x', undefined],
  ['file-root:/a~/b', undefined],
  ['kubernetes://x', undefined],
  ['default', undefined],
])('%s', (name, expected) => {
  expect(parseSecretFiles(name)).toEqual(expected);
});

test('what files hold, or why not', () => {
  using folder = createTemporaryFolder();
  const authority = createTestAuthority({ nowMs: Date.now() });
  const [one, two] = [authority.issue('spiffe://a/b'), authority.issue('spiffe://a/c')];
  const [certificate, key] = [join(folder.path, 'c'), join(folder.path, 'k')];
  const read = () => readSecretFiles('s', { kind: 'certificate', certificate, key });
  expect(read()).toMatchObject({ complaint: expect.stringContaining('ENOENT') });
  writeFileSync(certificate, one.certificateChain);
  writeFileSync(key, two.privateKey);
  expect(read()).toMatchObject({ complaint: expect.stringContaining('is not that of the certificate') });
  writeFileSync(key, one.privateKey);
  expect(read()).toMatchObject({ secret: { name: 's' } });
  writeFileSync(key, Buffer.alloc(2 * 1024 * 1024));
  expect(read()).toMatchObject({ complaint: expect.stringContaining('larger than') });
  expect(readSecretFiles('r', { kind: 'roots', roots: key })).toHaveProperty('complaint');
});
