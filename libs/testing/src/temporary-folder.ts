import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test; `[Symbol.dispose]` deletes it, so `using` does at the end of the scope. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

/** New empty folder. Its path is short enough for a unix socket in it. */
export function createTemporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'lateen-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
