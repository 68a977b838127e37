import {
  durationMs,
  type istio_mesh_v1alpha1_MeshConfig,
  type istio_mesh_v1alpha1_ProxyConfig,
} from '@lateen/protos';
import { isDnsLabel } from '../metadata.ts';
import type { Report } from '../report.ts';
import { checkDuration } from './duration.ts';
import { fqdnProblem, isIpAddress, wildcardDomainProblem } from './host.ts';
import { checkRetries } from './http-route.ts';
import { portProblem } from './port.ts';
import { checkConnectionPool, checkOutlierDetection } from './traffic-policy.ts';

const hourMs = 3_600_000;
const trustDomain = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.?$/i;

/** What is wrong with `host:port`; the host may be a variable of the proxy's environment, as `$(HOST_IP)`. */
function addressProblem(address: string): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  if (!match) return `"${address}" is no address, expected HOST:PORT`;
  const host = match[1] ?? match[2] ?? '';
  const isHost = isIpAddress(host) || /^\$\([A-Z_]+\)$/.test(host) || fqdnProblem(host) === undefined;
  return isHost ? portProblem(Number(match[3])) : `"${host}" is no host`;
}

function checkProxyConfig(config: istio_mesh_v1alpha1_ProxyConfig, path: string, report: Report): void {
  for (const field of ['proxyAdminPort', 'statusPort'] as const) {
    const problem = config[field] ? portProblem(config[field]) : undefined;
    if (problem) report.error(`${path}.${field}`, problem);
  }
  for (const field of ['discoveryAddress', 'statsdUdpAddress'] as const) {
    const problem = config[field] ? addressProblem(config[field]) : undefined;
    if (problem) report.error(`${path}.${field}`, problem);
  }
  checkDuration(config.drainDuration, `${path}.drainDuration`, { report });
  if ((config.drainDuration?.nanos ?? 0) !== 0)
    report.error(`${path}.drainDuration`, 'drainDuration counts whole seconds');
  checkDuration(config.terminationDrainDuration, `${path}.terminationDrainDuration`, { report, zero: true });
  if ((config.concurrency?.value ?? 0) < 0)
    report.error(`${path}.concurrency`, "concurrency can't be negative");
}

/** Reports wrong settings of the mesh. Source: Istio ValidateMeshConfig, ValidateMeshConfigProxyConfig. */
export function checkMeshSettings(
  config: istio_mesh_v1alpha1_MeshConfig,
  path: string,
  report: Report,
): void {
  if (config.trustDomain && !trustDomain.test(config.trustDomain))
    report.error(`${path}.trustDomain`, `"${config.trustDomain}" is no trust domain`);
  if (config.rootNamespace && !isDnsLabel(config.rootNamespace))
    report.error(`${path}.rootNamespace`, `"${config.rootNamespace}" is no valid namespace`);
  for (const field of ['proxyListenPort', 'proxyInboundListenPort'] as const) {
    const problem = config[field] ? portProblem(config[field]) : undefined;
    if (problem) report.error(`${path}.${field}`, problem);
  }
  checkDuration(config.connectTimeout, `${path}.connectTimeout`, { report });
  if ((durationMs(config.connectTimeout) ?? 0) > hourMs)
    report.error(`${path}.connectTimeout`, 'connectTimeout must be at most 1h');
  checkDuration(config.protocolDetectionTimeout, `${path}.protocolDetectionTimeout`, { report, zero: true });
  if (config.defaultConfig) checkProxyConfig(config.defaultConfig, `${path}.defaultConfig`, report);
  if (config.defaultHttpRetryPolicy)
    checkRetries(config.defaultHttpRetryPolicy, `${path}.defaultHttpRetryPolicy`, report);
  const { connectionPool, outlierDetection } = config.defaultTrafficPolicy ?? {};
  if (connectionPool)
    checkConnectionPool(connectionPool, `${path}.defaultTrafficPolicy.connectionPool`, report);
  if (outlierDetection)
    checkOutlierDetection(outlierDetection, `${path}.defaultTrafficPolicy.outlierDetection`, report);
  for (const [index, { hosts = [] }] of (config.serviceSettings ?? []).entries()) {
    for (const [at, host] of hosts.entries()) {
      const problem = wildcardDomainProblem(host);
      if (problem) report.error(`${path}.serviceSettings[${index}].hosts[${at}]`, problem);
    }
  }
}
