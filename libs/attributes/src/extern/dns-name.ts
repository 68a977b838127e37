import { domainToASCII } from 'node:url';

/** Why a text is no DNS name, in the words of Go's idna package; `undefined` when it is one. A final dot is allowed. */
export function dnsNameComplaint(name: string): string | undefined {
  const body = name.endsWith('.') ? name.slice(0, -1) : name;
  const labels = body.split('.');
  if (body === '' || labels.includes('')) return `idna: invalid label ${JSON.stringify(name)}`;
  const bad = labels.find((label) => label.startsWith('-') || label.endsWith('-'));
  if (bad !== undefined) return `idna: invalid label ${JSON.stringify(bad)}`;
  const strange = /[\0-\x7f]/.test(body) ? /[^A-Za-z0-9.\x80-\u{10ffff}-]/u.exec(body) : null;
  if (strange) {
    const code = strange[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    return `idna: disallowed rune U+${code}`;
  }
  if (!/^[\0-\x7f]*$/.test(body) && domainToASCII(body) === '')
    return `idna: invalid label ${JSON.stringify(body)}`;
  if (body.length > 253 || labels.some((label) => label.length > 63)) {
    return `idna: invalid label ${JSON.stringify(labels.find((label) => label.length > 63) ?? name)}`;
  }
  return undefined;
}

/** Form in which equal names are the same text: ASCII, lower case, without the final dot. */
export function canonicalDnsName(name: string): string {
  const body = name.endsWith('.') ? name.slice(0, -1) : name;
  return /^[\0-\x7f]*$/.test(body) ? body.toLowerCase() : domainToASCII(body);
}
