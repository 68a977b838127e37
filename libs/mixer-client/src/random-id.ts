import type { Random } from '@lateen/runtime';

/** A random UUID (RFC 9562, version 4) from a source of randomness. */
export function randomId(random: Random): string {
  const digit = (): number => Math.floor(random() * 16);
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replaceAll(/[xy]/g, (mark) =>
    (mark === 'x' ? digit() : (digit() & 0x3) | 0x8).toString(16),
  );
}
