import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@lateen/runtime';
import { ApiFailure } from './api-status.ts';

/** What of a request decides whether it may come in. */
export interface Visitor {
  readonly path: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

/** Who may call the API. */
export interface GatekeeperOptions {
  readonly token: Secret;
  /** Names that clients call this server by, without port; loopback names are always among them. */
  readonly hosts: readonly string[];
}

const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Refuses foreign Host and Origin headers (a web page that rebinds its name to loopback sends its own), then asks for
 * the bearer token; only `/healthz` answers without. @throws ApiFailure Forbidden, Unauthorized.
 */
export function createGatekeeper(options: GatekeeperOptions): (visitor: Visitor) => void {
  const hosts = new Set([...loopbackHosts, ...options.hosts.map((host) => host.toLowerCase())]);
  const wanted = digest(options.token.reveal());
  return (visitor) => {
    if (!hosts.has(nameOf(visitor.host))) {
      throw new ApiFailure('Forbidden', `this server is not called "${visitor.host ?? ''}"`);
    }
    if (visitor.origin !== undefined && !hosts.has(nameOf(/^https?:\/\/(.*)$/.exec(visitor.origin)?.[1]))) {
      throw new ApiFailure('Forbidden', `pages of ${visitor.origin} may not call this server`);
    }
    if (visitor.path === '/healthz' || visitor.path.startsWith('/healthz/')) return;
    const token = /^Bearer +(\S+)$/i.exec(visitor.authorization ?? '')?.[1];
    if (token === undefined || !timingSafeEqual(digest(token), wanted)) {
      throw new ApiFailure(
        'Unauthorized',
        'a bearer token is required: galley writes it to admin-token in its state folder',
      );
    }
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
