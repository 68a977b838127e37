import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LateenError } from './error.ts';
import { Secret } from './secret.ts';

/**
 * The token that lets local tools in: `<state>/admin-token`, shared by the components of one machine, readable by its
 * owner alone, made when absent (256 random bits).
 * @throws LateenError LTN_ADMIN_TOKEN when the file is empty or others can read it
 */
export function adminToken(stateDir: string): Secret {
  const path = join(stateDir, 'admin-token');
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const known = read(path);
  if (known) return known;
  // Linked into place when it is whole: of several components that start at once one wins, and nobody reads half.
  const draft = `${path}.${randomUUID()}.draft`;
  writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  const made = read(path);
  if (!made) throw bad(`${path} has disappeared while it was made`);
  return made;
}

function read(path: string): Secret | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (text === '') throw bad(`${path} is empty: remove it, and a new one is made`);
  if ((statSync(path).mode & 0o077) !== 0) {
    throw bad(`${path} can be read by others: chmod 600 it, or remove it for a new one`);
  }
  return new Secret(text);
}

function bad(message: string): LateenError {
  return new LateenError(message, { code: 'LTN_ADMIN_TOKEN', origin: 'config' });
}
