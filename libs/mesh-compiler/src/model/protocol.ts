/** Protocol of a service port. `unsupported`: not declared, to be sniffed. */
export type Protocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'mongo'
  | 'redis'
  | 'mysql'
  | 'udp'
  | 'unsupported';

const names: ReadonlyMap<string, Protocol> = new Map([
  ['http', 'http'],
  ['http_proxy', 'http'],
  ['http2', 'http2'],
  ['kubernetes.io/h2c', 'http2'],
  ['grpc', 'grpc'],
  ['grpc-web', 'grpc-web'],
  ['kubernetes.io/ws', 'http'],
  ['kubernetes.io/wss', 'https'],
  ['https', 'https'],
  ['tls', 'tls'],
  ['tcp', 'tcp'],
  ['mongo', 'mongo'],
  ['redis', 'redis'],
  ['mysql', 'mysql'],
  ['udp', 'udp'],
]);

/** Ports that mean a server-first protocol when nothing else is said: SMTP, DNS, MySQL, MongoDB. */
const wellKnownTcpPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/** Protocol by its name, case-insensitive; `unsupported` for an unknown one. */
export function protocolByName(name: string): Protocol {
  return names.get(name.toLowerCase()) ?? 'unsupported';
}

/** Protocol that a port name's prefix declares (`http`, `http-web`, `grpc-web-x`). */
export function protocolByPortName(name: string): Protocol {
  const lower = name.toLowerCase();
  if (lower === 'grpc-web' || lower.startsWith('grpc-web-')) return 'grpc-web';
  const dash = lower.indexOf('-');
  return protocolByName(dash < 0 ? lower : lower.slice(0, dash));
}

/** What declares the protocol of a Kubernetes service port. */
export interface PortDeclaration {
  readonly name: string;
  readonly port: number;
  readonly transport?: string | undefined;
  readonly appProtocol?: string | undefined;
}

/**
 * Protocol of a Kubernetes service port: transport UDP, then `appProtocol`, then the name's prefix, then well-known
 * TCP ports (istio/pkg/config/kube/conversion.go).
 */
export function protocolOfServicePort(port: PortDeclaration): Protocol {
  if (port.transport?.toUpperCase() === 'UDP') return 'udp';
  if (port.appProtocol) {
    const declared = protocolByName(port.appProtocol);
    if (declared !== 'unsupported') return declared;
  }
  const named = protocolByPortName(port.name);
  if (named !== 'unsupported') return named;
  return wellKnownTcpPorts.has(port.port) ? 'tcp' : 'unsupported';
}

/** Does the proxy parse HTTP on such a port? */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** Does the port speak HTTP/2 without a negotiation? */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** Is the protocol found by looking at the first bytes? */
export function isSniffed(protocol: Protocol): boolean {
  return protocol === 'unsupported';
}

/** Is the port's traffic TLS that the proxy routes by SNI? */
export function isTls(protocol: Protocol): boolean {
  return protocol === 'https' || protocol === 'tls';
}

/** Is the port plain bytes over TCP (or sniffed as such)? */
export function isTcp(protocol: Protocol): boolean {
  return !isHttp(protocol) && protocol !== 'udp' && !isSniffed(protocol);
}
