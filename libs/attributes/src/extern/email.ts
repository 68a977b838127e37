import { canonicalDnsName, dnsNameComplaint } from './dns-name.ts';

/** Local part and domain of an address: what stands before and after the first `@`. */
export function emailParts(address: string): readonly [local: string, domain: string] {
  const at = address.startsWith('"') ? address.indexOf('@', quotedEnd(address)) : address.indexOf('@');
  return at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at + 1)];
}

function quotedEnd(text: string): number {
  const match = /^"(?:[^"\\]|\\.)*"/.exec(text);
  return match ? match[0].length : 0;
}

const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x80-\\u{10ffff}-]+";
const addressSpec = new RegExp(
  `^(?:${atom}(?:\\.${atom})*|"(?:[^"\\\\\\n]|\\\\.)*")@(${atom}(?:\\.${atom})*)$`,
  'u',
);

/** Why a text is no e-mail address (RFC 5322 addr-spec), in the words of Go's mail package. */
export function emailComplaint(address: string): string | undefined {
  const quote = (reason: string): string => `error converting '${address}' to e-mail: '${reason}'`;
  if (address.trim() === '') return quote('mail: no address');
  if (/<[^<>]*@[^<>]*>\s*$/.test(address)) {
    return `error converting '${address}' to e-mail: display names are not allowed`;
  }
  const match = addressSpec.exec(address);
  if (!match) return quote(mailComplaint(address));
  const domain = dnsNameComplaint(match[1]!);
  return domain === undefined ? undefined : quote(`error converting '${match[1]}' to dns name: '${domain}'`);
}

/** Go's own complaint about an address that it cannot parse. */
function mailComplaint(address: string): string {
  return address.startsWith('@')
    ? 'mail: missing word in phrase: mail: invalid string'
    : "mail: missing '@' or angle-addr";
}

/** Why two addresses cannot be compared. */
export function emailEqualComplaint(left: string, right: string): string | undefined {
  for (const address of [left, right]) {
    if (address.trim() === '') return 'mail: no address';
    if (!addressSpec.test(address)) return mailComplaint(address);
  }
  return undefined;
}

/** Do two valid addresses name one mailbox? Local parts are compared as written but unquoted, domains as DNS names. */
export function emailEqual(left: string, right: string): boolean {
  const [leftLocal, leftDomain] = emailParts(left);
  const [rightLocal, rightDomain] = emailParts(right);
  return (
    plain(leftLocal) === plain(rightLocal) && canonicalDnsName(leftDomain) === canonicalDnsName(rightDomain)
  );
}

function plain(local: string): string {
  return local.startsWith('"') ? local.slice(1, -1).replaceAll(/\\(.)/g, '$1') : local;
}
