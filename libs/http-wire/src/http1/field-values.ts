/** Value of a Content-Length field: digits alone, at most 2^53 - 1; -1 otherwise (RFC 9112 6.3). */
export function contentLengthOf(bytes: Buffer, start: number, end: number): number {
  if (start === end || end - start > 16) return -1;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/** Is a token in a comma-separated list, both in lower case? */
export function namesToken(list: string, token: string): boolean {
  if (list === token) return true;
  if (list.length < token.length) return false;
  let start = 0;
  while (start <= list.length) {
    let end = list.indexOf(',', start);
    if (end < 0) end = list.length;
    if (list.slice(start, end).trim() === token) return true;
    start = end + 1;
  }
  return false;
}
