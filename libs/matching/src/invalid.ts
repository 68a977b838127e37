import { LateenError } from '@lateen/runtime';

/** Error of a configuration that can't be used: `path` is the field's path in proto form, as `virtual_hosts[0].domains`. */
export function invalidConfig(path: string, reason: string): LateenError {
  return new LateenError(`${path}: ${reason}`, { code: 'LTN_CONFIG_INVALID', origin: 'config' });
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Uint8Array) return value.length > 0;
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  // A map field that is empty on the wire decodes to a bare object; messages have a prototype of their own.
  if (prototype === Object.prototype || prototype === null) return Object.keys(value as object).length > 0;
  return true;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Refuses fields that would change behaviour and that we don't implement.
 * @throws LateenError LTN_CONFIG_INVALID naming the first such field that is set to something other than its default
 */
export function refuseFields<M extends object>(
  message: M,
  path: string,
  fields: readonly (keyof M & string)[],
): void {
  for (const field of fields) {
    if (isSet(message[field])) throw invalidConfig(joinPath(path, snakeCase(field)), 'is not supported');
  }
}

/** `a` + `b` → `a.b`; an empty left side adds no dot. */
export function joinPath(left: string, right: string): string {
  return left === '' ? right : `${left}.${right}`;
}
