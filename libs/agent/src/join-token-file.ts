import { readFile } from 'node:fs/promises';
import { type Clock, LateenError, sleep } from '@lateen/runtime';

const pollMs = 100;

/**
 * Reads the join token that citadel keeps fresh in `<state>/tokens/<component>`. Waits for the file, since the
 * components of one machine start together. @throws LateenError LTN_AGENT_JOIN_TOKEN when none is there in time.
 */
export function joinTokenFile(
  path: string,
  options: { readonly clock: Clock; readonly timeoutMs: number },
): () => Promise<string> {
  const { clock, timeoutMs } = options;
  return async () => {
    const deadline = clock.monotonic() + timeoutMs;
    for (;;) {
      try {
        const token = (await readFile(path, 'utf8')).trim();
        if (token !== '') return token;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
      if (clock.monotonic() >= deadline) {
        const message = `no join token in ${path} after ${timeoutMs / 1000} s: is citadel running with the same LATEEN_STATE_DIR?`;
        throw new LateenError(message, { code: 'LTN_AGENT_JOIN_TOKEN', origin: 'config', retryable: true });
      }
      await sleep(clock, pollMs);
    }
  };
}
