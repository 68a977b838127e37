import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError, Secret } from '@lateen/runtime';

/**
 * The token that lets local tools in: `<state>/admin-token`, shared by the components of one machine, readable by its
 * owner alone and made when absent. @throws LateenError LTN_PILOT_TOKEN when the file is empty.
 */
export async function adminToken(stateDir: string): Promise<Secret> {
  const path = join(stateDir, 'admin-token');
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const known = await textOf(path);
  if (known !== undefined) return known;
  // Linked into place when it is whole: of several components that start at once one wins, and nobody reads half.
  const draft = `${path}.${randomUUID()}.draft`;
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft);
  }
  const made = await textOf(path);
  if (made === undefined) throw badToken(`${path} has disappeared while it was made`);
  return made;
}

async function textOf(path: string): Promise<Secret | undefined> {
  try {
    const token = (await readFile(path, 'utf8')).trim();
    if (token === '') throw badToken(`${path} is empty: remove it, and a new one is made`);
    return new Secret(token);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function badToken(message: string): LateenError {
  return new LateenError(message, { code: 'LTN_PILOT_TOKEN', origin: 'config' });
}
