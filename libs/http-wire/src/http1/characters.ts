/** Token characters (RFC 9110 5.6.2): 1 as it is, 2 an upper-case letter. */
export const tokenClass = new Uint8Array(256);
/** Bytes that may stand in a field value: HTAB, SP, VCHAR, obs-text. */
export const valueByte = new Uint8Array(256);
/** Bytes that may stand in a request target: VCHAR without `#`. */
export const targetByte = new Uint8Array(256);
/** Bytes of a host with port (RFC 3986 reg-name, IP-literal). */
const authorityByte = new Uint8Array(256);
/** Value of a hex digit; 255 for other bytes. */
export const hexValue = new Uint8Array(256).fill(255);

for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  tokenClass[character.charCodeAt(0)] = 1;
for (let byte = 0x41; byte <= 0x5a; byte += 1) tokenClass[byte] = 2;
for (let byte = 0x20; byte <= 0xff; byte += 1) if (byte !== 0x7f) valueByte[byte] = 1;
valueByte[0x09] = 1;
for (let byte = 0x21; byte <= 0x7e; byte += 1) if (byte !== 0x23) targetByte[byte] = 1;
for (const character of "-._~!$&'()*+;=:[]%") authorityByte[character.charCodeAt(0)] = 1;
for (let byte = 0; byte < 256; byte += 1) {
  const character = String.fromCharCode(byte);
  if (/[0-9A-Za-z]/.test(character)) authorityByte[byte] = 1;
  if (/[0-9A-Fa-f]/.test(character)) hexValue[byte] = Number.parseInt(character, 16);
}

/** Is this a host with an optional port, without user information? (RFC 9110 7.2) */
export function isAuthority(text: string): boolean {
  if (text === '' || text.length > 1024) return false;
  let colons = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 255 || authorityByte[code] === 0) return false;
    if (code === 0x3a || code === 0x5b || code === 0x5d) colons += 1;
  }
  return colons === 0 || authorityForm.test(text);
}

const authorityForm = /^(?:[^:[\]]+|\[[0-9A-Fa-f:.]+(?:%25[^\]]+)?\])(?::\d{1,5})?$/;
