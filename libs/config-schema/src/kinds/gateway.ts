import {
  enumOf,
  type istio_networking_v1alpha3_Gateway,
  type istio_networking_v1alpha3_Port,
  type istio_networking_v1alpha3_Server,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { isDnsLabel } from '../metadata.ts';
import type { Report } from '../report.ts';
import { unixPathProblem } from '../rules/address.ts';
import { isIpAddress, isPartialWildcard, splitNamespacedHost, wildcardDomainProblem } from '../rules/host.ts';
import { checkPortName, checkProtocol, isTlsProtocol, portProblem } from '../rules/port.ts';
import { checkServerTls } from '../rules/server-tls.ts';
import { checkLabels } from '../rules/selector.ts';

/** Set by the Gateway API's translation on Gateways that it makes; their hosts may be exported to nobody (`~`). */
const semanticsAnnotation = 'internal.istio.io/gateway-semantics';

const serverProtocols = [
  'HTTP',
  'HTTP2',
  'GRPC',
  'GRPC-WEB',
  'MONGO',
  'REDIS',
  'MYSQL',
  'HTTPS',
  'TLS',
  'TCP',
];

/** Reports a wrong port of a server. */
function checkPort(
  port: istio_networking_v1alpha3_Port,
  bind: string,
  { path, report }: { path: string; report: Report },
): void {
  checkProtocol(port.protocol ?? '', `${path}.protocol`, { report, allowed: serverProtocols });
  const number = port.number ?? 0;
  if (bind.startsWith('unix://')) {
    if (number !== 0) report.error(`${path}.number`, 'a server on a unix socket has the port number 0');
  } else {
    const problem = portProblem(number);
    if (problem) report.error(`${path}.number`, problem);
  }
  if (!port.name) report.error(`${path}.name`, 'the port needs a name');
  else checkPortName(port.name, `${path}.name`, report);
}

function checkHost(
  text: string,
  path: string,
  { report, isGenerated }: { report: Report; isGenerated: boolean },
): void {
  const { namespace, host } = splitNamespacedHost(text);
  if (
    namespace !== undefined &&
    namespace !== '*' &&
    namespace !== '.' &&
    !isDnsLabel(namespace) &&
    !(namespace === '~' && isGenerated)
  ) {
    report.error(path, `"${namespace}" is no valid namespace, expected a name, "." or "*"`);
  }
  if (isIpAddress(host)) return;
  const problem = wildcardDomainProblem(host);
  if (problem) report.error(path, problem);
  else if (isPartialWildcard(host))
    report.error(path, `the partial wildcard "${host}" is not allowed, expected "*" as a label of its own`);
  else if (host !== '*' && !host.includes('.'))
    report.error(
      path,
      `"${host}" is a short name, a gateway's hosts are fully qualified`,
      `write ${host}.NAMESPACE.svc.cluster.local`,
    );
}

function checkBind(bind: string, path: string, report: Report): void {
  if (bind === '') return;
  const problem = bind.startsWith('unix://')
    ? unixPathProblem(bind.slice('unix://'.length))
    : isIpAddress(bind)
      ? undefined
      : `"${bind}" is neither an IP address nor a unix socket`;
  if (problem) report.error(path, problem);
}

function checkServer(
  server: istio_networking_v1alpha3_Server,
  path: string,
  { report, isGenerated }: { report: Report; isGenerated: boolean },
): void {
  if (!server.hosts?.length) report.error(`${path}.hosts`, 'a server needs at least one host');
  for (const [index, host] of (server.hosts ?? []).entries())
    checkHost(host, `${path}.hosts[${index}]`, { report, isGenerated });
  if (server.port) checkPort(server.port, server.bind ?? '', { path: `${path}.port`, report });
  else report.error(path, 'a server needs a port');
  checkBind(server.bind ?? '', `${path}.bind`, report);
  if (server.defaultEndpoint) report.error(`${path}.defaultEndpoint`, 'defaultEndpoint is not supported');
  if (server.tls) checkServerTls(server.tls, `${path}.tls`, report);
  const isTls = isTlsProtocol(server.port?.protocol ?? '');
  if (server.port && isTls && !server.tls)
    report.error(path, `a server of protocol ${server.port.protocol} needs tls settings`);
  if (!server.port || !server.tls) return;
  const { httpsRedirect = false, mode = 0 } = server.tls;
  // A plain server's `tls` may say "redirect to HTTPS" and nothing else.
  if (
    !isTls &&
    (!httpsRedirect || mode !== enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSmode').PASSTHROUGH)
  ) {
    report.error(
      `${path}.tls`,
      `a server of protocol ${server.port.protocol} can't have tls settings other than httpsRedirect`,
    );
  }
  if (isTls && httpsRedirect)
    report.warning(`${path}.tls.httpsRedirect`, 'httpsRedirect has an effect on HTTP servers only');
}

function validate(spec: istio_networking_v1alpha3_Gateway, { metadata, report }: ValidationContext): void {
  const servers = spec.servers ?? [];
  if (servers.length === 0) report.error('spec.servers', 'a gateway needs at least one server');
  const isGenerated = metadata.annotations[semanticsAnnotation] === 'gateway';
  const names = new Map<string, number>();
  for (const [index, server] of servers.entries()) {
    checkServer(server, `spec.servers[${index}]`, { report, isGenerated });
    const name = server.port?.name;
    if (!name) continue;
    const other = names.get(name);
    if (other === undefined) names.set(name, index);
    else
      report.error(
        `spec.servers[${index}].port.name`,
        `the port name "${name}" stands twice, in spec.servers[${other}], too`,
      );
  }
  checkLabels(spec.selector, 'spec.selector', report);
}

/** Ports at the edge. Source: Istio networking/v1alpha3/gateway.proto, ValidateGateway. */
export const gateway = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Gateway',
  shortNames: ['gw'],
  collection: 'istio/networking/v1alpha3/gateways',
  message: 'istio.networking.v1alpha3.Gateway',
  validate,
});
