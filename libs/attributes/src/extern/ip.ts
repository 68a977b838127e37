import { isIP } from 'node:net';

/** Sixteen bytes of an address text (IPv4 inside IPv6 as Go keeps it); `undefined` when it is none. */
export function parseIp(text: string): Uint8Array | undefined {
  const version = isIP(text);
  // A zone is not part of an address; Go's parser refuses it too.
  if (version === 0 || text.includes('%')) return undefined;
  const bytes = new Uint8Array(16);
  if (version === 4) {
    bytes.set([0xff, 0xff, ...text.split('.').map(Number)], 10);
    return bytes;
  }
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const pair = (high: number, low: number): string => ((high << 8) | low).toString(16);
  const full = dotted
    ? `${dotted[1]}${pair(Number(dotted[2]), Number(dotted[3]))}:${pair(Number(dotted[4]), Number(dotted[5]))}`
    : text;
  const [head = '', tail] = full.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  for (const [index, group] of all.entries()) bytes.set([group >> 8, group & 0xff], index * 2);
  return bytes;
}
