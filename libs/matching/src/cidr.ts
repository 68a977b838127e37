import { isIP } from 'node:net';
import type { envoy_config_core_v3_CidrRange } from '@lateen/protos';
import { invalidConfig } from './invalid.ts';
import { numberOr } from './wrapper.ts';

/**
 * Bytes of an IP address: 4, or 16 for IPv6. An IPv4 address inside IPv6 (`::ffff:1.2.3.4`, how a dual-stack socket
 * shows it) answers its 4 bytes; a zone is dropped. `undefined` when the text is no address.
 */
export function addressBytes(text: string): Uint8Array | undefined {
  const zone = text.indexOf('%');
  const address = zone < 0 ? text : text.slice(0, zone);
  const family = isIP(address);
  if (family === 4) return Uint8Array.from(address.split('.'), Number);
  if (family === 6) return ipv6Bytes(address);
  return undefined;
}

function ipv6Bytes(address: string): Uint8Array {
  let text = address;
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted) {
    const [high, low] = [1, 3].map((at) => ((Number(dotted[at]) << 8) | Number(dotted[at + 1])).toString(16));
    text = `${text.slice(0, dotted.index)}${high}:${low}`;
  }
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  const bytes = new Uint8Array(16);
  for (const [index, group] of groups.entries()) {
    const value = Number.parseInt(group, 16);
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 0xff;
  }
  const mapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

/** A block of addresses. */
export interface Cidr {
  /** Leading bits that are compared. */
  readonly prefixLength: number;
  /** 4 or 16 bytes, host bits zero. */
  readonly bytes: Uint8Array;
  /** Takes what `addressBytes` answers; another family never matches. */
  contains(address: Uint8Array | undefined): boolean;
}

/** Compiles `envoy.config.core.v3.CidrRange`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileCidr(range: envoy_config_core_v3_CidrRange, path: string): Cidr {
  const prefix = range.addressPrefix ?? '';
  const bytes = addressBytes(prefix);
  if (!bytes) throw invalidConfig(`${path}.address_prefix`, `"${prefix}" is no IP address`);
  const prefixLength = numberOr(range.prefixLen, 0);
  if (prefixLength > bytes.length * 8) {
    throw invalidConfig(`${path}.prefix_len`, `${prefixLength} is longer than the address`);
  }
  const whole = prefixLength >> 3;
  const mask = (0xff00 >> (prefixLength & 7)) & 0xff;
  const network = new Uint8Array(bytes.length);
  network.set(bytes.subarray(0, whole));
  if (mask !== 0) network[whole] = bytes[whole]! & mask;
  return {
    prefixLength,
    bytes: network,
    contains(address) {
      if (!address || address.length !== network.length) return false;
      for (let index = 0; index < whole; index += 1) if (address[index] !== network[index]) return false;
      return mask === 0 || (address[whole]! & mask) === network[whole];
    },
  };
}
