import { invalidConfig } from '@lateen/matching';

/** Where the port starts (its colon) in a host as clients send it, or -1. Brackets of IPv6 are respected. */
export function portStart(host: string): number {
  const colon = host.lastIndexOf(':');
  if (colon < 0 || colon === host.length - 1 || host.indexOf(']', colon) >= 0) return -1;
  for (let index = colon + 1; index < host.length; index += 1) {
    const code = host.charCodeAt(index);
    if (code < 48 || code > 57) return -1;
  }
  // An IPv6 address without brackets has no port that could be told apart.
  return host.indexOf(':') === colon || host.charCodeAt(colon - 1) === 93 ? colon : -1;
}

/** Domains of one owner with their field path. */
export interface DomainsOf<T> {
  readonly owner: T;
  readonly domains: readonly string[];
  readonly path: string;
}

class Wildcards<T> {
  readonly #byLength = new Map<number, Map<string, T>>();
  readonly #side: 'start' | 'end';
  #lengths: number[] = [];

  constructor(side: 'start' | 'end') {
    this.#side = side;
  }

  /** `false`: it was there. */
  add(text: string, owner: T): boolean {
    let texts = this.#byLength.get(text.length);
    if (!texts) {
      this.#byLength.set(text.length, (texts = new Map()));
      this.#lengths = [...this.#byLength.keys()].sort((left, right) => right - left);
    }
    if (texts.has(text)) return false;
    texts.set(text, owner);
    return true;
  }

  /** Longest first; the wildcard stands for at least one character. */
  find(host: string): T | undefined {
    for (const length of this.#lengths) {
      if (length >= host.length) continue;
      const part = this.#side === 'end' ? host.slice(host.length - length) : host.slice(0, length);
      const owner = this.#byLength.get(length)!.get(part);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }
}

/**
 * Virtual host look-up in Envoy's order: exact, longest `*suffix`, longest `prefix*`, `*`; without case.
 * @throws LateenError LTN_CONFIG_INVALID for a domain that stands twice or is no domain
 */
export function compileHostLookup<T>(
  entries: readonly DomainsOf<T>[],
  options: { readonly ignorePort: boolean },
): (authority: string) => T | undefined {
  const exact = new Map<string, T>();
  const suffixes = new Wildcards<T>('end');
  const prefixes = new Wildcards<T>('start');
  let any: T | undefined;

  const add = (domain: string, owner: T): boolean => {
    if (domain === '*') {
      if (any !== undefined) return false;
      any = owner;
      return true;
    }
    if (domain.startsWith('*')) return suffixes.add(domain.slice(1), owner);
    if (domain.endsWith('*')) return prefixes.add(domain.slice(0, -1), owner);
    if (exact.has(domain)) return false;
    exact.set(domain, owner);
    return true;
  };
  for (const { owner, domains, path } of entries) {
    if (domains.length === 0) throw invalidConfig(`${path}.domains`, 'must not be empty');
    for (const [index, domain] of domains.entries()) {
      const at = `${path}.domains[${index}]`;
      const star = domain.indexOf('*');
      const inside = star > 0 && star < domain.length - 1;
      if (domain === '' || inside || star !== domain.lastIndexOf('*')) {
        throw invalidConfig(at, `"${domain}" is no domain: a single "*" may stand at its start or its end`);
      }
      if (!add(domain.toLowerCase(), owner)) throw invalidConfig(at, `the domain "${domain}" stands twice`);
    }
  }
  return (authority) => {
    let host = authority.toLowerCase();
    if (options.ignorePort) {
      const port = portStart(host);
      if (port >= 0) host = host.slice(0, port);
    }
    return exact.get(host) ?? (host === '' ? undefined : (suffixes.find(host) ?? prefixes.find(host))) ?? any;
  };
}
