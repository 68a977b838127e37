import { readFileSync } from 'node:fs';
import { Secret } from '@lateen/runtime';

/**
 * Password of a component's NATS user from a file, as the local server makes it in `<state>/nats/<component>.password`;
 * `undefined` when there is no such file: the server has no users then.
 */
export function readNatsPassword(path: string): Secret | undefined {
  try {
    return new Secret(readFileSync(path, 'utf8').trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
