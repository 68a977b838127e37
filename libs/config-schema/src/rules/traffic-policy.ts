import {
  enumOf,
  type istio_networking_v1alpha3_ConnectionPoolSettings,
  type istio_networking_v1alpha3_OutlierDetection,
  type istio_networking_v1alpha3_TrafficPolicy,
} from '@lateen/protos';
import type { Report } from '../report.ts';
import { checkClientTls } from './client-tls.ts';
import { checkDuration } from './duration.ts';
import { fqdnProblem } from './host.ts';
import { checkLoadBalancer } from './load-balancer.ts';
import { portProblem } from './port.ts';

const { UPGRADE } = enumOf('istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings.H2UpgradePolicy');

/** Reports wrong connection pool settings. Source: Istio validateConnectionPool. */
export function checkConnectionPool(
  pool: istio_networking_v1alpha3_ConnectionPoolSettings,
  path: string,
  report: Report,
): void {
  const { tcp, http } = pool;
  if (!tcp && !http) report.error(path, 'connectionPool needs tcp or http');
  if (tcp) {
    if ((tcp.maxConnections ?? 0) < 0)
      report.error(`${path}.tcp.maxConnections`, "maxConnections can't be negative");
    checkDuration(tcp.connectTimeout, `${path}.tcp.connectTimeout`, { report });
    checkDuration(tcp.maxConnectionDuration, `${path}.tcp.maxConnectionDuration`, { report });
    checkDuration(tcp.idleTimeout, `${path}.tcp.idleTimeout`, { report, zero: true });
  }
  if (!http) return;
  const counts = [
    'http1MaxPendingRequests',
    'http2MaxRequests',
    'maxRequestsPerConnection',
    'maxRetries',
    'maxConcurrentStreams',
  ] as const;
  for (const field of counts)
    if ((http[field] ?? 0) < 0) report.error(`${path}.http.${field}`, `${field} can't be negative`);
  checkDuration(http.idleTimeout, `${path}.http.idleTimeout`, { report, zero: true });
  if (http.h2UpgradePolicy === UPGRADE && http.useClientProtocol) {
    report.error(
      `${path}.http.useClientProtocol`,
      'useClientProtocol and h2UpgradePolicy UPGRADE contradict each other',
    );
  }
  if (!http.http2KeepAlive) return;
  for (const field of ['interval', 'timeout'] as const) {
    if (!http.http2KeepAlive[field])
      report.error(`${path}.http.http2KeepAlive`, `http2KeepAlive needs ${field}`);
    checkDuration(http.http2KeepAlive[field], `${path}.http.http2KeepAlive.${field}`, { report });
  }
}

/** Reports wrong outlier detection. Source: Istio validateOutlierDetection. */
export function checkOutlierDetection(
  detection: istio_networking_v1alpha3_OutlierDetection,
  path: string,
  report: Report,
): void {
  checkDuration(detection.interval, `${path}.interval`, { report });
  checkDuration(detection.baseEjectionTime, `${path}.baseEjectionTime`, { report });
  for (const field of ['maxEjectionPercent', 'minHealthPercent'] as const) {
    const percent = detection[field] ?? 0;
    if (percent < 0 || percent > 100)
      report.error(`${path}.${field}`, `the percentage ${percent} must be in the range 0 to 100`);
  }
  if (
    (detection.consecutiveLocalOriginFailures?.value ?? 0) > 0 &&
    !detection.splitExternalLocalOriginErrors
  ) {
    report.error(
      `${path}.consecutiveLocalOriginFailures`,
      'consecutiveLocalOriginFailures has no effect without splitExternalLocalOriginErrors',
    );
  }
}

type PortPolicy = Pick<
  istio_networking_v1alpha3_TrafficPolicy,
  'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls'
>;

function checkBlocks(policy: PortPolicy, path: string, report: Report): void {
  if (policy.outlierDetection)
    checkOutlierDetection(policy.outlierDetection, `${path}.outlierDetection`, report);
  if (policy.connectionPool) checkConnectionPool(policy.connectionPool, `${path}.connectionPool`, report);
  if (policy.loadBalancer)
    checkLoadBalancer(policy.loadBalancer, policy.outlierDetection, { path: `${path}.loadBalancer`, report });
  if (policy.tls) checkClientTls(policy.tls, `${path}.tls`, report);
}

/** Reports a wrong traffic policy. Source: Istio validateTrafficPolicy. */
export function checkTrafficPolicy(
  policy: istio_networking_v1alpha3_TrafficPolicy,
  path: string,
  report: Report,
): void {
  const { portLevelSettings = [], tunnel, retryBudget } = policy;
  const isEmpty =
    !policy.outlierDetection &&
    !policy.connectionPool &&
    !policy.loadBalancer &&
    !policy.tls &&
    portLevelSettings.length === 0 &&
    !tunnel &&
    !policy.proxyProtocol &&
    !retryBudget;
  if (isEmpty) report.error(path, 'a traffic policy needs at least one field');
  checkBlocks(policy, path, report);
  const ports = new Set<number>();
  for (const [index, setting] of portLevelSettings.entries()) {
    const at = `${path}.portLevelSettings[${index}]`;
    if (!setting.port) report.error(at, 'port level settings need a port');
    const number = setting.port?.number ?? 0;
    const problem = setting.port ? portProblem(number) : undefined;
    if (problem) report.error(`${at}.port.number`, problem);
    if (setting.port && ports.has(number))
      report.error(`${at}.port.number`, `the port ${number} stands twice`);
    ports.add(number);
    checkBlocks(setting, at, report);
  }
  if (tunnel) {
    if (tunnel.protocol && !['CONNECT', 'POST'].includes(tunnel.protocol))
      report.error(
        `${path}.tunnel.protocol`,
        `"${tunnel.protocol}" is no tunnel protocol, expected CONNECT or POST`,
      );
    const problem = fqdnProblem(tunnel.targetHost ?? '');
    if (problem && !/^[\d.:a-fA-F]+$/.test(tunnel.targetHost ?? ''))
      report.error(`${path}.tunnel.targetHost`, problem);
    const portIssue = portProblem(tunnel.targetPort ?? 0);
    if (portIssue) report.error(`${path}.tunnel.targetPort`, portIssue);
  }
  const percent = retryBudget?.percent?.value ?? 20;
  if (!(percent >= 0 && percent <= 100))
    report.error(`${path}.retryBudget.percent`, `the percentage ${percent} must be in the range 0 to 100`);
}
