import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of a watched directory as the file system shows it. */
export interface ScannedFile {
  readonly path: string;
  /** Changes with every write that the file system can show. */
  readonly fingerprint: string;
  readonly size: number;
}

/** Bounds of one directory. */
export const scanBounds = { files: 10_000, fileBytes: 8 * 1024 * 1024, depth: 16 } as const;

const extensions = ['.yaml', '.yml', '.json'];

/**
 * Config files under a directory, at any depth, in order of their path. Hidden files and folders are left out: editors
 * and Kubernetes' volume mounts keep their intermediate states there. A missing directory is empty.
 */
export async function scanDirectory(directory: string): Promise<ScannedFile[]> {
  const files: ScannedFile[] = [];
  const queue = [{ path: directory, depth: 0 }];
  for (let next = queue.pop(); next; next = queue.pop()) {
    for (const entry of await entriesOf(next.path)) {
      if (entry.startsWith('.') || files.length >= scanBounds.files) continue;
      const path = join(next.path, entry);
      const stats = await stat(path, { bigint: true }).catch(() => undefined); // gone meanwhile
      if (stats?.isDirectory() && next.depth < scanBounds.depth) queue.push({ path, depth: next.depth + 1 });
      if (!stats?.isFile() || !extensions.some((extension) => entry.endsWith(extension))) continue;
      const fingerprint = `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
      files.push({ path, fingerprint, size: Number(stats.size) });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Text of a file and a digest of it; `undefined` when it is gone. */
export async function readConfigFile(path: string): Promise<{ text: string; digest: string } | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    return { text, digest: createHash('sha256').update(text).digest('base64') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
