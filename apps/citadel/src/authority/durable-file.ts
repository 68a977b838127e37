import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

function writeDraft(path: string, text: string): string {
  const draft = `${path}.${randomUUID()}.draft`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return draft;
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Makes a folder that its owner alone may enter; an existing one stays as it is. */
export function ensureFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Text of a file; `undefined` when there is none. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file, mode 0600: after a crash it holds the old or the new text, never a part. */
export function writeDurably(path: string, text: string): void {
  renameSync(writeDraft(path, text), path);
  syncFolder(path);
}

/** Text of a file, made with `create` when there is none. Of several processes that start at once one wins. */
export function readOrCreate(path: string, create: () => string): string {
  const known = readIfPresent(path);
  if (known !== undefined) return known;
  const draft = writeDraft(path, create());
  try {
    linkSync(draft, path);
    syncFolder(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(path, 'utf8');
}
