/**
 * Full name of a host as an object in `namespace` means it: a name without dots gets `.NS.svc.SUFFIX`, or `.NS` in a
 * mesh without a suffix.
 */
export function fullHost(host: string, namespace: string, domainSuffix: string): string {
  if (host === '*' || host === '' || host.includes('.')) return host;
  return domainSuffix === '' ? `${host}.${namespace}` : `${host}.${namespace}.svc.${domainSuffix}`;
}

/** Is every name that `inner` stands for covered by `outer`? Either may start with `*`. */
export function hostCovers(outer: string, inner: string): boolean {
  if (outer === '*') return true;
  if (!outer.startsWith('*')) return outer === inner;
  const suffix = outer.slice(1);
  const rest = inner.startsWith('*') ? inner.slice(1) : inner;
  return (
    rest.endsWith(suffix) &&
    (inner.startsWith('*') ? rest.length >= suffix.length : rest.length > suffix.length)
  );
}

/** Do two hosts, either of which may be a wildcard, have a name in common? */
export function hostsOverlap(a: string, b: string): boolean {
  return hostCovers(a, b) || hostCovers(b, a);
}

/** Order of hosts from the most specific: exact names first, then longer wildcards, then `*`. */
export function compareHosts(a: string, b: string): number {
  const wildA = a.startsWith('*');
  const wildB = b.startsWith('*');
  if (wildA !== wildB) return wildA ? 1 : -1;
  if (a.length !== b.length) return b.length - a.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Names by which a client in `clientNamespace` may call a service: full, with a final dot, and the short forms. */
export function hostAliases(
  host: string,
  service: { name: string; namespace: string },
  options: AliasOptions,
): string[] {
  const domains = [host, `${host}.`];
  const svcSuffix = `.${service.namespace}.svc.${options.domainSuffix}`;
  if (!host.endsWith(svcSuffix) || host.startsWith('*')) return domains;
  const name = host.slice(0, -svcSuffix.length);
  const forms = [`${name}.${service.namespace}.svc`, `${name}.${service.namespace}`];
  return options.clientNamespace === service.namespace
    ? [...domains, name, ...forms]
    : [...domains, ...forms.reverse()];
}

/** Whose names `hostAliases` gives. */
export interface AliasOptions {
  readonly clientNamespace: string;
  readonly domainSuffix: string;
}
