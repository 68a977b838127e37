import type { Random } from '@lateen/runtime';

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function four(value: number): string {
  return hex[value & 255]! + hex[(value >>> 8) & 255]! + hex[(value >>> 16) & 255]! + hex[value >>> 24]!;
}

/** A version 4 UUID (RFC 9562). An identifier, not a secret. */
export function uuid(random: Random): string {
  const whole = 0x1_0000_0000;
  const a = four(Math.floor(random() * whole));
  const b = four(Math.floor(random() * whole));
  const c = four(Math.floor(random() * whole));
  const d = four(Math.floor(random() * whole));
  const variant = '89ab'[Number.parseInt(c[0]!, 16) & 3]!;
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
}
