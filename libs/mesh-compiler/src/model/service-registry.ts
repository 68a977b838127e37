import type { ConfigObject } from '@lateen/config-schema';
import {
  enumOf,
  type istio_networking_v1alpha3_ServiceEntry as ServiceEntry,
  type istio_networking_v1alpha3_WorkloadEntry as WorkloadEntry,
} from '@lateen/protos';
import { attempt, type CompileProblem } from './problem.ts';
import { protocolByName, protocolOfServicePort } from './protocol.ts';
import {
  type Endpoint,
  labelMap,
  type Resolution,
  type Service,
  selects,
  type ServicePort,
  tlsModeLabel,
} from './service.ts';
import { type ConfigSnapshot, objectKey, objectsOf, type ServiceSpec, type ServiceSpecPort } from './spec.ts';

/** Every service of a snapshot with the endpoints of each of its ports. */
export interface ServiceRegistry {
  /** The oldest first. */
  readonly services: readonly Service[];
  /** Endpoints of a service's port, in the order of the config. */
  endpoints(service: Service, port: ServicePort): readonly Endpoint[];
}

/** What the registry needs beside the snapshot. */
export interface RegistryOptions {
  readonly domainSuffix: string;
  readonly problems: CompileProblem[];
  /** exportTo of services that don't say. */
  readonly defaultExportTo: readonly string[];
}

interface Entry {
  readonly object: ConfigObject<WorkloadEntry>;
  readonly labels: ReadonlyMap<string, string>;
}
type PortedEndpoint = (port: ServicePort) => Endpoint;
interface Found {
  readonly service: Service;
  readonly workloads: readonly PortedEndpoint[];
}

const resolutions = enumOf('istio.networking.v1alpha3.ServiceEntry.Resolution');
const locations = enumOf('istio.networking.v1alpha3.ServiceEntry.Location');
const exportAnnotation = 'networking.istio.io/exportTo';
const resolutionByNumber: ReadonlyMap<number, Resolution> = new Map<number, Resolution>([
  [resolutions.NONE, 'passthrough'],
  [resolutions.STATIC, 'static'],
  [resolutions.DNS, 'dns'],
  [resolutions.DNS_ROUND_ROBIN, 'dns-round-robin'],
  [resolutions.DYNAMIC_DNS, 'dynamic-dns'],
]);

function tlsModeOf(entry: WorkloadEntry, labels: ReadonlyMap<string, string>): Endpoint['tlsMode'] {
  const label = labels.get(tlsModeLabel);
  if (label !== undefined) return label === 'istio' ? 'istio' : 'disabled';
  return entry.serviceAccount ? 'istio' : 'disabled';
}

/** Endpoint of a workload for any port of a service; `workloadName` names the workload, not the service. */
function portedEndpoint(entry: WorkloadEntry, namespace: string, workloadName: string): PortedEndpoint {
  const labels = labelMap(entry.labels);
  const ports = new Map(Object.entries(entry.ports ?? {}));
  const address = entry.address ?? '';
  const unix = address.startsWith('unix://');
  const base = {
    address: unix ? address.slice('unix://'.length) : address,
    namespace,
    labels,
    serviceAccount: entry.serviceAccount ?? '',
    weight: entry.weight || 1,
    locality: entry.locality || labels.get('istio-locality')?.replaceAll('.', '/') || '',
    network: entry.network ?? '',
    tlsMode: tlsModeOf(entry, labels),
    workloadName,
  };
  return (port) => {
    const target = typeof port.targetPort === 'string' ? port.targetPort : undefined;
    const mapped = ports.get(port.name) ?? (target === undefined ? undefined : ports.get(target));
    const own = typeof port.targetPort === 'number' ? port.targetPort : port.number;
    const number = mapped ?? own;
    return { ...base, port: unix ? 0 : number, policyPorts: mapped === undefined ? [number] : [number, own] };
  };
}

function targetPortOf(port: ServiceSpecPort): number | string | undefined {
  const { targetPort } = port;
  if (targetPort === undefined || typeof targetPort === 'number') return targetPort || undefined;
  if (typeof targetPort !== 'string') {
    return targetPort.type === 1 || targetPort.strVal ? targetPort.strVal : targetPort.intVal || undefined;
  }
  return /^\d+$/.test(targetPort) ? Number(targetPort) : targetPort;
}

function exportToOf(listed: readonly string[], byDefault: readonly string[]): ReadonlySet<string> {
  return new Set(listed.length > 0 ? listed : byDefault.length > 0 ? byDefault : ['*']);
}

function kubernetesService(
  object: ConfigObject<ServiceSpec>,
  entries: readonly Entry[],
  options: RegistryOptions,
): Found {
  const { name, namespace, annotations, creationTimestamp } = object.metadata;
  const { spec } = object;
  const listed = (annotations[exportAnnotation] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const clusterIps = [...(spec.clusterIPs ?? []), ...(spec.clusterIP ? [spec.clusterIP] : [])];
  const addresses = [...new Set(clusterIps.filter((address) => address !== '' && address !== 'None'))];
  const ports = (spec.ports ?? []).map((port): ServicePort => {
    const number = port.port ?? 0;
    const declaration = {
      name: port.name ?? '',
      port: number,
      transport: port.protocol,
      appProtocol: port.appProtocol,
    };
    return {
      name: port.name ?? '',
      number,
      protocol: protocolOfServicePort(declaration),
      targetPort: targetPortOf(port),
    };
  });
  const external = spec.type === 'ExternalName';
  const selector = Object.keys(spec.selector ?? {}).length > 0 ? spec.selector : undefined;
  const service: Service = {
    host: `${name}.${namespace}.svc.${options.domainSuffix}`,
    name,
    namespace,
    registry: 'kubernetes',
    ports,
    addresses,
    resolution: external ? 'dns' : 'static',
    external,
    headless: addresses.length === 0 && clusterIps.includes('None'),
    exportTo: exportToOf(listed, options.defaultExportTo),
    subjectAltNames: [],
    selector,
    created: creationTimestamp ?? '',
    key: objectKey('k8s/core/v1/services', object),
  };
  if (external)
    return { service, workloads: [portedEndpoint({ address: spec.externalName ?? '' }, namespace, name)] };
  const selected = selector ? entries.filter(({ labels }) => selects(selector, labels)) : [];
  return {
    service,
    workloads: selected.map(({ object }) => portedEndpoint(object.spec, namespace, object.metadata.name)),
  };
}

function serviceEntryServices(
  object: ConfigObject<ServiceEntry>,
  entries: readonly Entry[],
  options: RegistryOptions,
): Found[] {
  const { name, namespace, creationTimestamp } = object.metadata;
  const { spec } = object;
  const selector = spec.workloadSelector?.labels;
  const resolution = resolutionByNumber.get(spec.resolution ?? 0) ?? 'passthrough';
  const ports = (spec.ports ?? []).map(
    (port): ServicePort => ({
      name: port.name ?? '',
      number: port.number ?? 0,
      protocol: protocolByName(port.protocol ?? ''),
      targetPort: port.targetPort || undefined,
    }),
  );
  const inline = (spec.endpoints ?? []).map((endpoint, index) =>
    portedEndpoint(endpoint, namespace, `${name}-${index}`),
  );
  const selected = selector
    ? entries
        .filter(({ labels }) => selects(selector, labels))
        .map(({ object }) => portedEndpoint(object.spec, namespace, object.metadata.name))
    : [];
  return (spec.hosts ?? []).map((host) => {
    const dns = resolution === 'dns' || resolution === 'dns-round-robin';
    // A DNS service without endpoints resolves its own host.
    const ownHost =
      dns && inline.length + selected.length === 0
        ? [portedEndpoint({ address: host }, namespace, name)]
        : [];
    const service: Service = {
      host,
      name,
      namespace,
      registry: 'service-entry',
      ports,
      addresses: spec.addresses ?? [],
      resolution,
      external: (spec.location ?? locations.MESH_EXTERNAL) === locations.MESH_EXTERNAL,
      headless: false,
      exportTo: exportToOf(spec.exportTo ?? [], options.defaultExportTo),
      subjectAltNames: spec.subjectAltNames ?? [],
      selector,
      created: creationTimestamp ?? '',
      key: objectKey('istio/networking/v1alpha3/serviceentries', object),
    };
    return { service, workloads: [...inline, ...selected, ...ownHost] };
  });
}

/** Reads Services, ServiceEntries and WorkloadEntries of a snapshot. */
export function createServiceRegistry(snapshot: ConfigSnapshot, options: RegistryOptions): ServiceRegistry {
  const byNamespace = new Map<string, Entry[]>();
  for (const object of objectsOf(snapshot, 'istio/networking/v1alpha3/workloadentries')) {
    const { namespace } = object.metadata;
    const entries = byNamespace.get(namespace) ?? [];
    entries.push({ object, labels: labelMap(object.spec.labels) });
    byNamespace.set(namespace, entries);
  }
  const found: Found[] = [];
  for (const object of objectsOf(snapshot, 'k8s/core/v1/services')) {
    const entries = byNamespace.get(object.metadata.namespace) ?? [];
    const service = attempt(options.problems, objectKey('k8s/core/v1/services', object), () =>
      kubernetesService(object, entries, options),
    );
    if (service) found.push(service);
  }
  for (const object of objectsOf(snapshot, 'istio/networking/v1alpha3/serviceentries')) {
    const entries = byNamespace.get(object.metadata.namespace) ?? [];
    const services = attempt(
      options.problems,
      objectKey('istio/networking/v1alpha3/serviceentries', object),
      () => serviceEntryServices(object, entries, options),
    );
    found.push(...(services ?? []));
  }
  // By name, since a Sidecar's scope may hold a copy of a service with some of its ports.
  const nameOf = ({ key, host }: Service): string => `${key} ${host}`;
  const workloads = new Map(found.map(({ service, workloads: ported }) => [nameOf(service), ported]));
  const cache = new Map<ServicePort, Map<string, readonly Endpoint[]>>();
  return {
    services: found.map(({ service }) => service),
    endpoints(service, port) {
      const name = nameOf(service);
      const known = cache.get(port)?.get(name);
      if (known) return known;
      const endpoints = (workloads.get(name) ?? []).map((ported) => ported(port));
      const byService = cache.get(port) ?? new Map<string, readonly Endpoint[]>();
      byService.set(name, endpoints);
      cache.set(port, byService);
      return endpoints;
    },
  };
}
