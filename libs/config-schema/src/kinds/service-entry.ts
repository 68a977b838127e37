import { enumOf, type istio_networking_v1alpha3_ServiceEntry } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { keySegment } from '../node.ts';
import type { Report } from '../report.ts';
import { subnetProblem } from '../rules/address.ts';
import { checkExportTo } from '../rules/export-to.ts';
import { fqdnProblem, isPartialWildcard, wildcardDomainProblem } from '../rules/host.ts';
import {
  checkPortName,
  checkProtocol,
  isHttpProtocol,
  isTcpProtocol,
  isTlsProtocol,
  portProblem,
} from '../rules/port.ts';
import { checkSelectorLabels } from '../rules/selector.ts';
import { checkWorkload, isUnixAddress } from '../rules/workload.ts';

type Spec = istio_networking_v1alpha3_ServiceEntry;

const resolutions = enumOf('istio.networking.v1alpha3.ServiceEntry.Resolution');
const { MESH_INTERNAL } = enumOf('istio.networking.v1alpha3.ServiceEntry.Location');

function checkHosts(hosts: readonly string[], report: Report): void {
  if (hosts.length === 0) report.error('spec.hosts', 'at least one host is required');
  for (const [index, host] of hosts.entries()) {
    const at = `spec.hosts[${index}]`;
    if (host === '*') report.error(at, 'the host "*" is not allowed');
    else {
      const problem = wildcardDomainProblem(host);
      if (problem) report.error(at, problem);
      else if (isPartialWildcard(host))
        report.warning(at, `the partial wildcard "${host}" is not supported, "*" must be a label of its own`);
    }
  }
}

/** Reports wrong ports; answers their names. */
function checkPorts(spec: Spec, report: Report): Set<string> {
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const at = `spec.ports[${index}]`;
    const { number = 0, name = '', protocol = '', targetPort = 0 } = port;
    const problem = portProblem(number);
    if (problem) report.error(`${at}.number`, problem);
    if (numbers.has(number)) report.error(`${at}.number`, `the port ${number} stands twice`);
    numbers.add(number);
    if (name === '') report.error(at, 'the port needs a name');
    else {
      if (names.has(name)) report.error(`${at}.name`, `the port name "${name}" stands twice`);
      checkPortName(name, `${at}.name`, report);
    }
    names.add(name);
    if (protocol !== '') checkProtocol(protocol, `${at}.protocol`, { report });
    const target = targetPort === 0 ? undefined : portProblem(targetPort);
    if (target) report.error(`${at}.targetPort`, target);
  }
  return names;
}

function checkEndpoints(
  spec: Spec,
  portNames: ReadonlySet<string>,
  only: 'ip' | 'name' | undefined,
  report: Report,
): void {
  for (const [index, endpoint] of (spec.endpoints ?? []).entries()) {
    const path = `spec.endpoints[${index}]`;
    checkWorkload(endpoint, { path, report, address: true, ...(only ? { only } : {}) });
    for (const [name, port] of Object.entries(endpoint.ports ?? {})) {
      if (!portNames.has(name))
        report.error(
          `${path}.ports${keySegment(name)}`,
          `the port ${port} ("${name}") is not among the ports of the service entry`,
        );
    }
  }
}

function checkResolution(
  spec: Spec,
  { metadata, report }: ValidationContext,
  portNames: ReadonlySet<string>,
): void {
  const { hosts = [], endpoints = [], addresses = [], ports = [] } = spec;
  switch (spec.resolution ?? resolutions.NONE) {
    case resolutions.NONE:
      if (endpoints.length > 0)
        report.error(
          'spec.endpoints',
          "resolution NONE can't have endpoints",
          'set resolution to STATIC or DNS',
        );
      if (spec.workloadSelector)
        report.warning('spec.workloadSelector', 'a workload selector has no effect with resolution NONE');
      for (const [index, { number = 0, targetPort = 0 }] of ports.entries()) {
        if (targetPort !== 0 && targetPort !== number)
          report.warning(`spec.ports[${index}].targetPort`, 'targetPort has no effect with resolution NONE');
      }
      return;
    case resolutions.STATIC: {
      checkEndpoints(spec, portNames, 'ip', report);
      if (endpoints.some(({ address = '' }) => isUnixAddress(address)) && ports.length !== 1) {
        report.error('spec.ports', 'exactly one port is allowed with endpoints on unix sockets');
      }
      return;
    }
    case resolutions.DNS:
    case resolutions.DNS_ROUND_ROBIN:
      if (endpoints.length === 0) {
        for (const [index, host] of hosts.entries()) {
          const problem = fqdnProblem(host);
          if (problem && host.startsWith('*'))
            report.error(
              `spec.hosts[${index}]`,
              `without endpoints the host is looked up in DNS, and "${host}" is no full name`,
            );
        }
      }
      if (spec.resolution === resolutions.DNS_ROUND_ROBIN && endpoints.length > 1) {
        report.error('spec.endpoints', 'resolution DNS_ROUND_ROBIN can have at most one endpoint');
      }
      checkEndpoints(spec, portNames, 'name', report);
      if (addresses.length > 0 && hosts.length > 1) {
        // One VIP leads to one set of names: for encrypted traffic nothing tells the hosts apart.
        const opaque = ports.some(({ protocol = '' }) => !isHttpProtocol(protocol));
        if (opaque)
          report.warning(
            'spec.hosts',
            'several hosts share the addresses, and traffic that is not plain HTTP goes to any of them',
          );
      }
      return;
    case resolutions.DYNAMIC_DNS:
      if (!hosts.some((host) => host.startsWith('*')))
        report.error('spec.hosts', 'resolution DYNAMIC_DNS needs a wildcard host');
      for (const [index, host] of hosts.entries()) {
        if (!host.startsWith('*'))
          report.error(
            `spec.hosts[${index}]`,
            `"${host}" is no wildcard, which resolution DYNAMIC_DNS needs`,
          );
      }
      if (endpoints.length > 0)
        report.error(
          'spec.endpoints',
          "resolution DYNAMIC_DNS can't have endpoints, the request's host is looked up",
        );
      if (addresses.length > 0)
        report.error(
          'spec.addresses',
          "resolution DYNAMIC_DNS can't have addresses, requests are told apart by host",
        );
      for (const [index, { protocol = '' }] of ports.entries()) {
        if (!['HTTP', 'HTTP2', 'GRPC'].includes(protocol.toUpperCase()) && !isTlsProtocol(protocol)) {
          report.error(
            `spec.ports[${index}].protocol`,
            'resolution DYNAMIC_DNS works with HTTP, HTTP2, GRPC and TLS only',
          );
        }
      }
      if (spec.location === MESH_INTERNAL && metadata.labels['istio.io/use-waypoint'] !== undefined) {
        report.error(
          'spec.location',
          'MESH_INTERNAL with resolution DYNAMIC_DNS is not supported behind a waypoint',
        );
      }
  }
}

function validate(spec: Spec, context: ValidationContext): void {
  const { report } = context;
  checkHosts(spec.hosts ?? [], report);
  for (const [index, address] of (spec.addresses ?? []).entries()) {
    const at = `spec.addresses[${index}]`;
    const problem = subnetProblem(address);
    if (problem) report.error(at, problem);
    const resolution = spec.resolution ?? resolutions.NONE;
    if (address.includes('/') && resolution !== resolutions.NONE && resolution !== resolutions.STATIC) {
      report.error(at, 'address ranges are allowed with resolution NONE and STATIC only');
    }
  }
  if (spec.workloadSelector) {
    if (spec.endpoints?.length)
      report.error('spec.endpoints', 'only one of workloadSelector and endpoints may be set');
    checkSelectorLabels(spec.workloadSelector.labels, 'spec.workloadSelector', report);
  }
  const portNames = checkPorts(spec, report);
  checkResolution(spec, context, portNames);
  const needsAddress = (spec.resolution ?? 0) === resolutions.NONE && !spec.addresses?.length;
  if (needsAddress) {
    for (const [index, { protocol = '' }] of (spec.ports ?? []).entries()) {
      if (isTcpProtocol(protocol))
        report.warning(
          `spec.ports[${index}]`,
          'a TCP port needs addresses to be told from other services on the same port',
        );
    }
  }
  checkExportTo(spec.exportTo, context, { none: true });
}

/** A service that the registry doesn't know by itself. Source: Istio networking/v1alpha3/service_entry.proto. */
export const serviceEntry = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  shortNames: ['se'],
  collection: 'istio/networking/v1alpha3/serviceentries',
  message: 'istio.networking.v1alpha3.ServiceEntry',
  validate,
});
