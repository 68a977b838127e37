import { canonicalDnsName } from './dns-name.ts';

interface Uri {
  readonly scheme: string;
  /** What follows the scheme when it isn't a path: `urn:foo` has `foo`. */
  readonly opaque: string;
  readonly user: string;
  readonly host: string;
  readonly port: string;
  /** Path, query and fragment as written. */
  readonly rest: string;
}

function complaint(text: string, reason: string): string {
  return `error converting string to uri '${text}': 'parse ${JSON.stringify(text)}: ${reason}'`;
}

/** Splits a URI reference as Go's `url.Parse` does; a text means: it is none, and why. */
function parseUri(text: string): Uri | string {
  if (text === '') return 'error converting string to uri: empty string';
  if (/[\0-\x1f\x7f]/.test(text)) return complaint(text, 'net/url: invalid control character in URL');
  if (text.startsWith(':')) return complaint(text, 'missing protocol scheme');
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?([^]*)$/.exec(text)!;
  const scheme = (match[1] ?? '').toLowerCase();
  const rest = match[2]!;
  const base = { scheme, opaque: '', user: '', host: '', port: '', rest };
  if (scheme !== '' && !rest.startsWith('/')) return { ...base, opaque: rest, rest: '' };
  if (scheme === '' && /^[^/?#]*:/.test(rest))
    return complaint(text, 'first path segment in URL cannot contain colon');
  if (!rest.startsWith('//') || rest.startsWith('///')) return base;
  const end = /[/?#]|$/.exec(rest.slice(2))!.index + 2;
  const authority = rest.slice(2, end);
  const at = authority.lastIndexOf('@');
  const hostPort = authority.slice(at + 1);
  if (hostPort.startsWith('[') && !hostPort.includes(']')) return complaint(text, "missing ']' in host");
  const parts = /^(\[[^]*\]|[^:]*)(?::(\d*))?$/.exec(hostPort);
  if (!parts)
    return complaint(
      text,
      `invalid port ${JSON.stringify(hostPort.slice(hostPort.indexOf(':')))} after host`,
    );
  return {
    ...base,
    user: authority.slice(0, Math.max(at, 0)),
    host: parts[1]!,
    port: parts[2] ?? '',
    rest: rest.slice(end),
  };
}

/** Why a text is no URI, in the words of Go's url package; `undefined` when it is one. */
export function uriComplaint(text: string): string | undefined {
  const uri = parseUri(text);
  return typeof uri === 'string' ? uri : undefined;
}

/** Are two URIs the same? Scheme and host don't mind their case, a port left empty is no port. Text: why not comparable. */
export function uriEqual(left: string, right: string): boolean | string {
  const a = parseUri(left);
  if (typeof a === 'string') return a;
  const b = parseUri(right);
  if (typeof b === 'string') return b;
  return (
    a.scheme === b.scheme &&
    a.opaque === b.opaque &&
    a.user === b.user &&
    a.port === b.port &&
    a.rest === b.rest &&
    canonicalDnsName(a.host) === canonicalDnsName(b.host)
  );
}
