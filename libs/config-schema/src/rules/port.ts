import type { Report } from '../report.ts';
import { didYouMean } from '../suggestion.ts';

/** Protocols of a port, upper case. Source: Istio pkg/config/protocol. */
const protocols = [
  'HTTP',
  'HTTP2',
  'GRPC',
  'GRPC-WEB',
  'HTTPS',
  'TLS',
  'TCP',
  'MONGO',
  'REDIS',
  'MYSQL',
  'HTTP_PROXY',
  'UDP',
] as const;

const portName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/i;

/** What is wrong with a port number. */
export function portProblem(port: number): string | undefined {
  return port >= 1 && port <= 65535 ? undefined : `the port number ${port} must be in the range 1 to 65535`;
}

/** Reports a port name that is no DNS label. */
export function checkPortName(name: string, path: string, report: Report): void {
  if (!portName.test(name) || name.length > 63)
    report.error(path, `"${name}" is no valid port name: expected letters, digits and "-"`);
}

/** Reports a protocol that isn't in `allowed`; names are compared without case. */
export function checkProtocol(
  protocol: string,
  path: string,
  { report, allowed = protocols }: { report: Report; allowed?: readonly string[] },
): void {
  const upper = protocol.toUpperCase();
  if (allowed.includes(upper)) return;
  report.error(
    path,
    `invalid protocol "${protocol}", expected one of ${allowed.join(', ')}`,
    didYouMean(upper, allowed),
  );
}

/** Does a protocol carry HTTP requests that can be routed? */
export function isHttpProtocol(protocol: string): boolean {
  return ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTP_PROXY'].includes(protocol.toUpperCase());
}

/** Is a protocol encrypted from its first byte? */
export function isTlsProtocol(protocol: string): boolean {
  return ['HTTPS', 'TLS'].includes(protocol.toUpperCase());
}

/** Is a protocol plain TCP, or unset and so treated as TCP? */
export function isTcpProtocol(protocol: string): boolean {
  return ['TCP', 'MONGO', 'REDIS', 'MYSQL', ''].includes(protocol.toUpperCase());
}
