import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from './secret.ts';

/** What of a request decides whether it may come in. */
export interface Visitor {
  readonly path: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

/** Why a visitor stays outside. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'];

/** Paths that probes and scrapers read without a token: they show no configuration. */
const openPaths: readonly string[] = ['/healthz/ready', '/metrics'];

/**
 * Refuses foreign Host and Origin headers (a web page that rebinds its name to loopback sends its own), then asks for
 * the bearer token except on the open paths. Answers `undefined` for who may come in.
 */
export function createGatekeeper(options: {
  readonly token: Secret;
  /** Names that clients call this server by, without port; loopback names are always among them. */
  readonly hosts: readonly string[];
  /** Paths that answer without a token; `/healthz/ready` and `/metrics` when absent. */
  readonly open?: readonly string[];
}): (visitor: Visitor) => Refusal | undefined {
  const hosts = new Set([...loopbackHosts, ...options.hosts.map((host) => host.toLowerCase())]);
  const open = new Set(options.open ?? openPaths);
  const wanted = digest(options.token.reveal());
  return (visitor) => {
    if (!hosts.has(nameOf(visitor.host))) {
      return { status: 403, message: `this server is not called "${visitor.host ?? ''}"` };
    }
    if (visitor.origin !== undefined && !hosts.has(nameOf(/^https?:\/\/(.*)$/.exec(visitor.origin)?.[1]))) {
      return { status: 403, message: `pages of ${visitor.origin} may not call this server` };
    }
    if (open.has(visitor.path)) return undefined;
    const token = /^Bearer +(\S+)$/i.exec(visitor.authorization ?? '')?.[1];
    if (token !== undefined && timingSafeEqual(digest(token), wanted)) return undefined;
    return { status: 401, message: 'a bearer token is required: it is in admin-token in the state folder' };
  };
}

/** Digests have one length, which is what a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Host name of `HOST[:PORT]`, lower case; IPv6 keeps its brackets. */
function nameOf(authority: string | undefined): string {
  return (authority ?? '').toLowerCase().replace(/:\d+$/, '');
}
