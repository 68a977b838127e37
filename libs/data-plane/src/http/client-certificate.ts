import type { RequestHeaders } from '@lateen/http-wire';
import type { ConnectionInfo } from '../connection.ts';

/** `forward_client_cert_details` in Envoy's numbering. */
const forwardClientCert = {
  sanitize: 0,
  forwardOnly: 1,
  appendForward: 2,
  sanitizeSet: 3,
  alwaysForwardOnly: 4,
} as const;

/** What of the client's certificate is told upstream. */
export interface ClientCertificateOptions {
  /** A value of `forwardClientCert`. */
  readonly mode: number;
  readonly subject: boolean;
  readonly cert: boolean;
  readonly chain: boolean;
  readonly dns: boolean;
  readonly uri: boolean;
}

const header = 'x-forwarded-client-cert';

/** Sets, keeps or removes `x-forwarded-client-cert` (XFCC) by the manager's mode. */
export function applyClientCertificate(
  headers: RequestHeaders,
  connection: ConnectionInfo,
  options: ClientCertificateOptions,
): void {
  const { mode } = options;
  if (mode === forwardClientCert.alwaysForwardOnly) return;
  const { peer } = connection;
  if (mode === forwardClientCert.sanitize || !peer) {
    headers.delete(header);
    return;
  }
  if (mode === forwardClientCert.forwardOnly) return;
  const parts: string[] = [];
  for (const uri of connection.ownUris) parts.push(`By=${uri}`);
  parts.push(`Hash=${peer.sha256}`);
  if (options.cert) parts.push(`Cert="${encodeURIComponent(peer.pem())}"`);
  if (options.chain) parts.push(`Chain="${encodeURIComponent(peer.pem())}"`);
  if (options.subject) parts.push(`Subject="${peer.subject.replaceAll('"', '\\"')}"`);
  if (options.uri) {
    for (const uri of peer.uris) parts.push(`URI=${uri}`);
    if (peer.uris.length === 0) parts.push('URI=');
  }
  if (options.dns) for (const name of peer.dnsNames) parts.push(`DNS=${name}`);
  const own = parts.join(';');
  const before = mode === forwardClientCert.appendForward ? headers.get(header) : undefined;
  headers.set(header, before ? `${before},${own}` : own);
}
