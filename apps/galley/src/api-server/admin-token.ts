import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError, Secret } from '@lateen/runtime';

/**
 * The token that lets local tools in: `<state>/admin-token`, readable by its owner alone, made when absent (256 random
 * bits). @throws LateenError LTN_GALLEY_TOKEN when the file is empty or others can read it.
 */
export async function adminToken(stateDir: string): Promise<Secret> {
  const path = join(stateDir, 'admin-token');
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      const token = randomBytes(32).toString('base64url');
      await file.writeFile(`${token}\n`);
      await file.sync();
      return new Secret(token);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const file = await open(path);
  const { mode } = await file.stat();
  await file.close();
  const token = (await readFile(path, 'utf8')).trim();
  if (token === '') throw badToken(`${path} is empty: remove it, and a new one is made`);
  if ((mode & 0o077) !== 0)
    throw badToken(`${path} can be read by others: chmod 600 it, or remove it for a new one`);
  return new Secret(token);
}

function badToken(message: string): LateenError {
  return new LateenError(message, { code: 'LTN_GALLEY_TOKEN', origin: 'config' });
}
