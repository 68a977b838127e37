import {
  enumOf,
  type istio_networking_v1alpha3_IstioEgressListener,
  type istio_networking_v1alpha3_IstioIngressListener,
  type istio_networking_v1alpha3_ServerTLSSettings,
  type istio_networking_v1alpha3_Sidecar,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { isDnsLabel } from '../metadata.ts';
import type { Report } from '../report.ts';
import { unixPathProblem } from '../rules/address.ts';
import { checkDestination } from '../rules/destination.ts';
import {
  fqdnProblem,
  isIpAddress,
  isPartialWildcard,
  splitNamespacedHost,
  wildcardDomainProblem,
} from '../rules/host.ts';
import { checkPortName, checkProtocol, isHttpProtocol, isTlsProtocol, portProblem } from '../rules/port.ts';
import { checkSelectorLabels } from '../rules/selector.ts';
import { checkServerTls } from '../rules/server-tls.ts';
import { checkConnectionPool } from '../rules/traffic-policy.ts';

const modes = enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSmode');
const { IPTABLES } = enumOf('istio.networking.v1alpha3.CaptureMode');
const { ALLOW_ANY } = enumOf('istio.networking.v1alpha3.OutboundTrafficPolicy.Mode');
const unixPrefix = 'unix://';

type Port = { number?: number | undefined; protocol?: string | undefined; name?: string | undefined };

function checkPort(port: Port, path: string, report: Report): void {
  if (port.protocol) checkProtocol(port.protocol, `${path}.protocol`, { report });
  if (port.name) checkPortName(port.name, `${path}.name`, report);
}

function checkBind(bind: string, path: string, report: Report): void {
  if (bind === '' || isIpAddress(bind)) return;
  report.error(path, `"${bind}" is no IP address`);
}

function checkEndpoint(endpoint: string, path: string, report: Report): void {
  if (endpoint === '') return;
  if (endpoint.startsWith(unixPrefix)) {
    const socket = endpoint.slice(unixPrefix.length);
    const problem = socket === '/' ? '"/" is no socket' : unixPathProblem(socket);
    if (problem) report.error(path, problem);
    return;
  }
  const match = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):(.*)$/.exec(endpoint);
  if (!match) {
    report.error(
      path,
      `"${endpoint}" is no default endpoint: expected 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///PATH`,
    );
    return;
  }
  const port = match[2] ?? '';
  const problem = /^\d{1,6}$/.test(port) ? portProblem(Number(port)) : `"${port}" is no port number`;
  if (problem) report.error(path, problem);
}

function checkIngressTls(
  tls: istio_networking_v1alpha3_ServerTLSSettings,
  protocol: string,
  { path, report }: { path: string; report: Report },
): void {
  if (tls.mode === modes.ISTIO_MUTUAL || tls.mode === modes.AUTO_PASSTHROUGH)
    report.error(`${path}.mode`, 'a sidecar takes the TLS modes SIMPLE, MUTUAL and OPTIONAL_MUTUAL only');
  if (tls.httpsRedirect) report.error(`${path}.httpsRedirect`, 'httpsRedirect is not supported in a sidecar');
  for (const field of ['subjectAltNames', 'credentialNames', 'tlsCertificates'] as const) {
    if (tls[field]?.length) report.error(`${path}.${field}`, `${field} is not supported in a sidecar`);
  }
  if (tls.credentialName)
    report.error(`${path}.credentialName`, 'credentialName is not supported in a sidecar');
  if (!isTlsProtocol(protocol))
    report.error(path, `a port of protocol ${protocol || '(none)'} can't have tls settings`);
  checkServerTls(tls, path, report);
}

function checkIngress(
  listener: istio_networking_v1alpha3_IstioIngressListener,
  path: string,
  report: Report,
): void {
  const { port, tls, connectionPool } = listener;
  checkBind(listener.bind ?? '', `${path}.bind`, report);
  checkEndpoint(listener.defaultEndpoint ?? '', `${path}.defaultEndpoint`, report);
  if (!port) report.error(path, 'an ingress listener needs a port');
  else {
    const problem = portProblem(port.number ?? 0);
    if (problem) report.error(`${path}.port.number`, problem);
    checkPort(port, `${path}.port`, report);
  }
  const protocol = port?.protocol ?? '';
  if (tls) checkIngressTls(tls, protocol, { path: `${path}.tls`, report });
  if (!connectionPool) return;
  checkConnectionPool(connectionPool, `${path}.connectionPool`, report);
  if (connectionPool.http && protocol !== '' && !isHttpProtocol(protocol)) {
    report.warning(
      `${path}.connectionPool.http`,
      `HTTP settings have no effect on a port of protocol ${protocol}`,
    );
  }
}

function checkEgressHost(text: string, path: string, report: Report): void {
  if (!text.includes('/')) {
    report.error(path, `"${text}" is no host of an egress listener: expected NAMESPACE/HOST`);
    return;
  }
  const { namespace = '', host } = splitNamespacedHost(text);
  if (namespace === '' || host === '') {
    report.error(path, 'namespace and host must not be empty');
    return;
  }
  const name = namespace.startsWith('~') ? namespace.slice(1) : namespace;
  if (name !== '' && name !== '*' && name !== '.' && !isDnsLabel(name))
    report.error(path, `"${namespace}" is no valid namespace, expected a name, ".", "*" or "~"`);
  const problem = host === '*' ? undefined : wildcardDomainProblem(host);
  if (problem) report.error(path, problem);
  else if (isPartialWildcard(host)) report.error(path, `the partial wildcard "${host}" is not allowed`);
}

function checkEgress(
  listener: istio_networking_v1alpha3_IstioEgressListener,
  path: string,
  report: Report,
): void {
  const { port, bind = '', hosts = [] } = listener;
  if (hosts.length === 0) report.error(`${path}.hosts`, 'an egress listener needs at least one host');
  for (const [index, host] of hosts.entries()) checkEgressHost(host, `${path}.hosts[${index}]`, report);
  const isUnix = bind.startsWith(unixPrefix);
  if (isUnix) {
    const problem = unixPathProblem(bind.slice(unixPrefix.length));
    if (problem) report.error(`${path}.bind`, problem);
    if (listener.captureMode === IPTABLES)
      report.error(
        `${path}.captureMode`,
        "a unix socket can't be captured with iptables, expected DEFAULT or NONE",
      );
  } else checkBind(bind, `${path}.bind`, report);
  if (!port) {
    if (bind !== '') report.error(path, 'a listener with a bind address needs a port');
    return;
  }
  const number = port.number ?? 0;
  if (isUnix ? number !== 0 : number === 0)
    report.error(
      `${path}.port.number`,
      'the port number is 0 exactly where the bind address is a unix socket',
    );
  const problem = number === 0 ? undefined : portProblem(number);
  if (problem) report.error(`${path}.port.number`, problem);
  checkPort(port, `${path}.port`, report);
}

function warnOfHosts(egress: readonly istio_networking_v1alpha3_IstioEgressListener[], report: Report): void {
  for (const [index, { hosts = [] }] of egress.entries()) {
    const wholeNamespaces = new Set(
      hosts.filter((host) => host.endsWith('/*')).map((host) => host.slice(0, -2)),
    );
    for (const [at, text] of hosts.entries()) {
      const path = `spec.egress[${index}].hosts[${at}]`;
      const { namespace = '', host } = splitNamespacedHost(text);
      if (namespace.startsWith('~') || text === '*/*') continue;
      if (wholeNamespaces.has('*'))
        report.warning(path, '"*/*" selects every host, others have no effect beside it');
      else if (
        (host !== '*' && (wholeNamespaces.has(namespace) || wholeNamespaces.has('.'))) ||
        hosts.indexOf(text) < at
      ) {
        report.warning(path, `"${text}" is selected by another host of the listener already`);
      }
    }
  }
}

function validate(spec: istio_networking_v1alpha3_Sidecar, { report }: ValidationContext): void {
  const { ingress = [], egress = [], outboundTrafficPolicy: outbound, inboundConnectionPool: pool } = spec;
  if (spec.workloadSelector)
    checkSelectorLabels(spec.workloadSelector.labels, 'spec.workloadSelector', report);
  if (ingress.length === 0 && egress.length === 0 && !outbound && !pool)
    report.error('spec', 'a sidecar needs ingress, egress, outboundTrafficPolicy or inboundConnectionPool');
  if (pool) checkConnectionPool(pool, 'spec.inboundConnectionPool', report);
  const inboundPorts = new Set<number>();
  for (const [index, listener] of ingress.entries()) {
    const path = `spec.ingress[${index}]`;
    checkIngress(listener, path, report);
    const number = listener.port?.number ?? 0;
    if (listener.port && inboundPorts.has(number))
      report.error(`${path}.port.number`, `the port ${number} stands twice`);
    inboundPorts.add(number);
  }
  const taken = new Set<string | number>();
  for (const [index, listener] of egress.entries()) {
    const path = `spec.egress[${index}]`;
    checkEgress(listener, path, report);
    if (!listener.port && index < egress.length - 1)
      report.error(path, 'a listener without a port takes everything and must be the last one');
    if (!listener.port) continue;
    const isUnix = listener.bind?.startsWith(unixPrefix) ?? false;
    const key = isUnix ? (listener.bind ?? '') : (listener.port.number ?? 0);
    if (taken.has(key))
      report.error(isUnix ? `${path}.bind` : `${path}.port.number`, `"${key}" stands twice`);
    taken.add(key);
  }
  warnOfHosts(egress, report);
  if (!outbound?.egressProxy) return;
  const path = 'spec.outboundTrafficPolicy.egressProxy';
  if (outbound.mode !== ALLOW_ANY) report.error(path, 'egressProxy needs the mode ALLOW_ANY');
  if (!outbound.egressProxy.port) report.error(path, 'egressProxy needs a port');
  checkDestination(outbound.egressProxy, path, report);
  const problem = fqdnProblem(outbound.egressProxy.host ?? '');
  if (problem) report.error(`${path}.host`, problem);
}

/** What a workload's proxy listens to and may reach. Source: Istio networking/v1alpha3/sidecar.proto, ValidateSidecar. */
export const sidecar = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Sidecar',
  collection: 'istio/networking/v1alpha3/sidecars',
  message: 'istio.networking.v1alpha3.Sidecar',
  validate,
});
