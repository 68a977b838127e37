import { isIP } from 'node:net';

const domainLabel = /^[a-zA-Z0-9]([-_a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const wildcardPrefix = /^(\*|\*-?[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)$/;

/** Is it an IPv4 or IPv6 address without a zone? */
export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

function labelsProblem(domain: string): string | undefined {
  const labels = domain.split('.');
  if (labels.at(-1) === '' && labels.length > 1) labels.pop();
  for (const label of labels) {
    if (!domainLabel.test(label))
      return `"${domain}" is no valid domain name: the label "${label}" is invalid`;
  }
  const top = labels.at(-1) ?? '';
  return /^\d+$/.test(top)
    ? `"${domain}" is no valid domain name: its last label can't be a number`
    : undefined;
}

/** What is wrong with a fully qualified (or short) domain name. Source: RFC 1035, RFC 1123; Istio ValidateFQDN. */
export function fqdnProblem(host: string): string | undefined {
  if (host === '') return 'the domain name is empty';
  if (host.length > 255) return 'the domain name is longer than 255 characters';
  return labelsProblem(host);
}

/** As `fqdnProblem`, with a leftmost label that may be `*` or start with it. Source: Istio ValidateWildcardDomain. */
export function wildcardDomainProblem(host: string): string | undefined {
  if (host === '') return 'the domain name is empty';
  if (host.length > 255) return 'the domain name is longer than 255 characters';
  if (!host.startsWith('*')) return labelsProblem(host);
  const dot = host.indexOf('.');
  const first = dot < 0 ? host : host.slice(0, dot);
  if (!wildcardPrefix.test(first))
    return `"${host}" is no valid domain name: the label "${first}" is invalid`;
  return dot < 0 ? undefined : labelsProblem(host.slice(dot + 1));
}

const passthroughSni = /^outbound_\.(\d+)_\.([^.]*_?[^.]*)_?\.(.+)$/;

/**
 * A host of a VirtualService's TLS route bound to a gateway may be the SNI that sidecars make themselves:
 * `outbound_.PORT_.SUBSET_.HOST`.
 */
export function sniDomainProblem(host: string): string | undefined {
  if (!host.startsWith('outbound_')) return wildcardDomainProblem(host);
  const match = passthroughSni.exec(host);
  if (!match || Number(match[1]) < 1 || Number(match[1]) > 65535) {
    return `"${host}" is no valid SNI: expected outbound_.PORT_.SUBSET_.HOST`;
  }
  return fqdnProblem(match[3] ?? '');
}

/** A wildcard must be a label of its own: `*.a.com`, never `*a.com` or `a.*.com`. */
export function isPartialWildcard(host: string): boolean {
  const at = host.indexOf('*');
  return at >= 0 && host !== '*' && !(at === 0 && host[1] === '.' && !host.includes('*', 1));
}

/** Does a host pattern (exact, `*`, `*.suffix`) match every name that `other` matches? */
export function hostCovers(pattern: string, other: string): boolean {
  if (!pattern.startsWith('*')) return pattern === other;
  const suffix = pattern.slice(1);
  return other.startsWith('*')
    ? other.slice(1).endsWith(suffix)
    : other.endsWith(suffix) && other.length > suffix.length - 1;
}

/** Have two host patterns a name in common? */
export function hostsOverlap(a: string, b: string): boolean {
  return hostCovers(a, b) || hostCovers(b, a);
}

/** `namespace/host` of gateways and sidecars, apart; the namespace is `undefined` where none is written. */
export function splitNamespacedHost(text: string): { namespace: string | undefined; host: string } {
  const slash = text.indexOf('/');
  return slash < 0
    ? { namespace: undefined, host: text }
    : { namespace: text.slice(0, slash), host: text.slice(slash + 1) };
}
