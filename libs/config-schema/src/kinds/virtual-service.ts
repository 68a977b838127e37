import { isIP } from 'node:net';
import type { istio_networking_v1alpha3_VirtualService } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { isDnsLabel } from '../metadata.ts';
import type { Report } from '../report.ts';
import { subnetProblem } from '../rules/address.ts';
import { checkDestinations } from '../rules/destination.ts';
import { checkExportTo } from '../rules/export-to.ts';
import {
  fqdnProblem,
  hostCovers,
  isIpAddress,
  sniDomainProblem,
  splitNamespacedHost,
  wildcardDomainProblem,
} from '../rules/host.ts';
import { checkSourceMatch } from '../rules/http-match.ts';
import { checkHttpRoute } from '../rules/http-route.ts';
import { warnOfOverlaps } from '../rules/route-overlap.ts';

type Spec = istio_networking_v1alpha3_VirtualService;

function checkGateways(gateways: readonly string[], path: string, report: Report): void {
  for (const [index, gateway] of gateways.entries()) {
    const at = `${path}[${index}]`;
    if (gateway.includes('/')) {
      const { namespace, host } = splitNamespacedHost(gateway);
      if (namespace !== '.' && !isDnsLabel(namespace ?? ''))
        report.error(at, `"${namespace}" is no valid namespace of a gateway`);
      const problem = host.includes('*') ? `"${host}" is no valid name of a gateway` : fqdnProblem(host);
      if (problem) report.error(at, problem);
      continue;
    }
    const problem = fqdnProblem(gateway);
    if (problem) report.error(at, problem);
    else if (gateway.includes('.')) {
      const [name = '', namespace = ''] = gateway.split('.');
      report.warning(
        at,
        `"${gateway}" is the old way to name a gateway`,
        `write it as namespace/name, such as "${namespace}/${name}"`,
      );
    }
  }
}

function checkHosts(spec: Spec, bound: { toMesh: boolean; toGateway: boolean }, report: Report): void {
  const hosts = spec.hosts ?? [];
  for (const [index, host] of hosts.entries()) {
    const at = `spec.hosts[${index}]`;
    if (host === '*' && bound.toMesh) {
      report.error(
        at,
        'the host "*" is not allowed for a VirtualService bound to the mesh',
        'name the hosts, or bind it to gateways only',
      );
    } else if (!isIpAddress(host)) {
      const problem = bound.toGateway ? sniDomainProblem(host) : wildcardDomainProblem(host);
      if (problem) report.error(at, problem);
    } else if (bound.toGateway && !bound.toMesh)
      report.error(at, "an IP address can't be a host on a gateway");
    const twin = hosts.findIndex(
      (other, at) => at < index && (hostCovers(host, other) || hostCovers(other, host)),
    );
    if (twin >= 0) report.error(at, `"${host}" overlaps with the host "${hosts[twin]}"`);
  }
}

function checkTls(spec: Spec, gateways: readonly string[], report: Report): void {
  for (const [index, route] of (spec.tls ?? []).entries()) {
    const path = `spec.tls[${index}]`;
    if (!route.match?.length) report.error(path, 'a TLS route needs a match');
    for (const [at, match] of (route.match ?? []).entries()) {
      const where = `${path}.match[${at}]`;
      if (!match.sniHosts?.length) report.error(where, 'a TLS match needs sniHosts');
      for (const [sni, host] of (match.sniHosts ?? []).entries()) {
        const place = `${where}.sniHosts[${sni}]`;
        if (isIP(host) !== 0)
          report.warning(place, `"${host}" is an IP address, which clients don't send as SNI`);
        else {
          const problem = gateways.length > 0 ? sniDomainProblem(host) : wildcardDomainProblem(host);
          if (problem) report.error(place, problem);
          else if (!(spec.hosts ?? []).some((known) => hostCovers(known, host)))
            report.error(place, `"${host}" is none of the hosts of this VirtualService`);
        }
      }
      checkSubnets(match.destinationSubnets, `${where}.destinationSubnets`, report);
      checkSourceMatch(match, where, report);
      checkGateways(match.gateways ?? [], `${where}.gateways`, report);
    }
    if (!route.route?.length) report.error(path, 'a TLS route needs a route');
    checkDestinations(route.route ?? [], `${path}.route`, report);
  }
}

function checkTcp(spec: Spec, report: Report): void {
  for (const [index, route] of (spec.tcp ?? []).entries()) {
    const path = `spec.tcp[${index}]`;
    for (const [at, match] of (route.match ?? []).entries()) {
      const where = `${path}.match[${at}]`;
      checkSubnets(match.destinationSubnets, `${where}.destinationSubnets`, report);
      if (match.sourceSubnet) checkSubnets([match.sourceSubnet], `${where}.sourceSubnet`, report);
      checkSourceMatch(match, where, report);
      checkGateways(match.gateways ?? [], `${where}.gateways`, report);
    }
    if (!route.route?.length) report.error(path, 'a TCP route needs a route');
    checkDestinations(route.route ?? [], `${path}.route`, report);
  }
}

function checkSubnets(subnets: readonly string[] | undefined, path: string, report: Report): void {
  for (const [index, subnet] of (subnets ?? []).entries()) {
    const problem = subnetProblem(subnet);
    if (problem) report.error(`${path}[${index}]`, problem);
  }
}

function validate(spec: Spec, context: ValidationContext): void {
  const { report } = context;
  const gateways = spec.gateways ?? [];
  const isDelegate = (spec.hosts ?? []).length === 0;
  const bound = {
    toMesh: gateways.length === 0 || gateways.includes('mesh'),
    toGateway: gateways.some((gateway) => gateway !== 'mesh'),
  };
  if (isDelegate) {
    // Without hosts it can only be what another VirtualService delegates to, and that is about HTTP alone.
    const only = 'a VirtualService without hosts is one that others delegate to, and';
    if (gateways.length > 0) report.error('spec.gateways', `${only} can't have gateways`, 'add hosts');
    if (spec.tls?.length) report.error('spec.tls', `${only} can't have TLS routes`, 'add hosts');
    if (spec.tcp?.length) report.error('spec.tcp', `${only} can't have TCP routes`, 'add hosts');
    if (!spec.http?.length) report.error('spec.hosts', 'at least one host is required');
  } else if (!spec.http?.length && !spec.tls?.length && !spec.tcp?.length) {
    report.error('spec', 'at least one of http, tls and tcp is required');
  }
  checkGateways(gateways, 'spec.gateways', report);
  checkHosts(spec, bound, report);
  for (const [index, route] of (spec.http ?? []).entries()) {
    checkHttpRoute(route, { path: `spec.http[${index}]`, report, gateways, isDelegate });
    for (const [at, match] of (route.match ?? []).entries())
      checkGateways(match.gateways ?? [], `spec.http[${index}].match[${at}].gateways`, report);
  }
  checkTls(spec, gateways, report);
  checkTcp(spec, report);
  checkExportTo(spec.exportTo, context);
  warnOfOverlaps(spec.http ?? [], report);
}

/** Routes of hosts. Source: Istio networking/v1alpha3/virtual_service.proto, ValidateVirtualService. */
export const virtualService = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'VirtualService',
  shortNames: ['vs'],
  collection: 'istio/networking/v1alpha3/virtualservices',
  message: 'istio.networking.v1alpha3.VirtualService',
  validate,
});
