import type { istio_networking_v1alpha3_Gateway, istio_networking_v1alpha3_Server } from '@lateen/protos';
import type { ConfigObject } from '../object.ts';
import { splitNamespacedHost } from '../rules/host.ts';
import type { Findings } from './finding.ts';
import type { AnalysisModel } from './model.ts';

type Gateway = ConfigObject<istio_networking_v1alpha3_Gateway>;

function isSubset(inner: { [key: string]: string }, outer: { [key: string]: string }): boolean {
  return Object.entries(inner).every(([key, value]) => outer[key] === value);
}

/** Do two selectors choose the same proxies? What runs isn't known here, so one within the other counts. */
function selectSame(a: Gateway, b: Gateway): boolean {
  const [left, right] = [a.spec.selector ?? {}, b.spec.selector ?? {}];
  return isSubset(left, right) || isSubset(right, left);
}

/** What two servers on one port must have in common to be one listener. */
function tlsOf(server: istio_networking_v1alpha3_Server): string {
  const { tls } = server;
  if (!tls) return '';
  return JSON.stringify([
    tls.mode ?? 0,
    tls.credentialName ?? '',
    tls.serverCertificate ?? '',
    tls.privateKey ?? '',
    tls.caCertificates ?? '',
  ]);
}

function bindOf(server: istio_networking_v1alpha3_Server): string {
  return `${server.bind ?? ''}:${server.port?.number ?? 0}`;
}

function sameHosts(
  a: istio_networking_v1alpha3_Server,
  b: istio_networking_v1alpha3_Server,
): string | undefined {
  const names = (server: istio_networking_v1alpha3_Server): string[] =>
    (server.hosts ?? []).map((text) => splitNamespacedHost(text).host);
  const others = new Set(names(b));
  return names(a).find((host) => others.has(host));
}

/**
 * One host on one port of the same proxies in two Gateways: only one of them is served, and with other TLS settings that
 * surprises. Taken with a warning, as by Istio. Source: Istio gateway.ConflictingGatewayAnalyzer (IST0145).
 */
export function analyzeConflictingGateways(model: AnalysisModel, findings: Findings): void {
  const byBind = new Map<
    string,
    { gateway: Gateway; server: istio_networking_v1alpha3_Server; index: number }[]
  >();
  for (const gateway of model.gateways) {
    for (const [index, server] of (gateway.spec.servers ?? []).entries()) {
      const key = bindOf(server);
      const entries = byBind.get(key) ?? [];
      entries.push({ gateway, server, index });
      byBind.set(key, entries);
    }
  }
  for (const entries of byBind.values()) {
    const told = new Set<string>();
    for (const { gateway, server, index } of entries) {
      const clash = entries
        .filter((other) => other.gateway !== gateway && selectSame(gateway, other.gateway))
        .map((other) => ({ other, host: sameHosts(server, other.server) }))
        .find(({ host }) => host !== undefined);
      const key = `${gateway.metadata.namespace}/${gateway.metadata.name}/${index}`;
      if (!clash || told.has(key)) continue;
      told.add(key);
      const { other, host } = clash;
      const differs = tlsOf(server) === tlsOf(other.server) ? '' : ' with other TLS settings';
      findings.add(gateway, {
        code: 'IST0145',
        severity: 'warning',
        path: `spec.servers[${index}]`,
        message: `the host "${host}" on port ${server.port?.number ?? 0} is in the Gateway ${other.gateway.metadata.namespace}/${other.gateway.metadata.name}, too${differs}: only one of them is served`,
      });
    }
  }
}
