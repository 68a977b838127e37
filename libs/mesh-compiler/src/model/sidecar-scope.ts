import type { ConfigObject } from '@lateen/config-schema';
import {
  enumOf,
  type istio_networking_v1alpha3_IstioEgressListener as EgressSpec,
  type istio_networking_v1alpha3_IstioIngressListener as IngressSpec,
  type istio_networking_v1alpha3_Sidecar as SidecarSpec,
} from '@lateen/protos';
import { fullHost, hostCovers, hostsOverlap } from './host.ts';
import { type Protocol, protocolByName } from './protocol.ts';
import type { Proxy } from './proxy.ts';
import { type Service, selects, visibleIn } from './service.ts';
import type { VirtualService, VirtualServices } from './virtual-services.ts';

const captureModes = enumOf('istio.networking.v1alpha3.CaptureMode');

/** What a sidecar serves its workload's calls with: all that it may see, or one `egress` entry of a Sidecar. */
export interface EgressListener {
  /** Only this port; absent: every port that no entry before names. */
  readonly port: { readonly number: number; readonly protocol: Protocol } | undefined;
  /** Address to bind; empty: as the services say. */
  readonly bind: string;
  /** The port is bound for everybody to dial; `undefined`: when nothing is redirected to the sidecar. */
  readonly bound: boolean | undefined;
  /** By host; of a port's entry with that port alone. */
  readonly services: ReadonlyMap<string, Service>;
  readonly virtualServices: readonly VirtualService[];
}

/** What a proxy sees of the mesh. Shared by all proxies of a namespace with the same Sidecar. */
export interface SidecarScope {
  readonly sidecar: ConfigObject<SidecarSpec> | undefined;
  /** Every service that has a cluster here: the imported ones and those that their routes lead to. */
  readonly services: ReadonlyMap<string, Service>;
  /** All entries in one, for listeners that serve every port. */
  readonly imported: EgressListener;
  /** Those with a port first; the last that names none takes the rest. */
  readonly egress: readonly EgressListener[];
  /** Ports of the workload in place of those that services say; `undefined`: no Sidecar says. */
  readonly ingress: readonly IngressSpec[] | undefined;
}

/** Scopes by proxy. */
export interface SidecarScopes {
  of(proxy: Proxy): SidecarScope;
}

/** What scopes are taken from. */
export interface ScopeSources {
  readonly services: readonly Service[];
  readonly virtualServices: VirtualServices;
  readonly rootNamespace: string;
  readonly domainSuffix: string;
  visibleServices(namespace: string): ReadonlyMap<string, Service>;
}

type Sidecar = ConfigObject<SidecarSpec>;

/** A host of `egress`, as `NAMESPACE/DNS`; namespace `undefined`: any. */
interface Import {
  readonly namespace: string | undefined;
  readonly host: string;
}

function importsOf(hosts: readonly string[], namespace: string): Import[] {
  return hosts.flatMap((text): Import[] => {
    const slash = text.indexOf('/');
    const [owner, host] = slash < 0 ? ['*', text] : [text.slice(0, slash), text.slice(slash + 1)];
    if (owner === '~') return [];
    return [{ namespace: owner === '*' ? undefined : owner === '.' ? namespace : owner, host }];
  });
}

function inOrder(services: Map<string, Service>): ReadonlyMap<string, Service> {
  return new Map([...services].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

function onPort(service: Service, port: number | undefined): Service | undefined {
  if (port === undefined) return service;
  const ports = service.ports.filter(({ number }) => number === port);
  return ports.length > 0 ? { ...service, ports } : undefined;
}

/** Ports of both, for a service that several entries import by different ports. */
function merged(a: Service, b: Service): Service {
  const added = b.ports.filter(({ number }) => !a.ports.some((port) => port.number === number));
  return added.length > 0 ? { ...a, ports: [...a.ports, ...added] } : a;
}

class Scopes implements SidecarScopes {
  readonly #sources: ScopeSources;
  readonly #sidecars: readonly Sidecar[];
  readonly #known = new Map<Sidecar | undefined, Map<string, SidecarScope>>();
  readonly #visible = new Map<string, readonly Service[]>();

  constructor(sidecars: readonly Sidecar[], sources: ScopeSources) {
    this.#sidecars = sidecars;
    this.#sources = sources;
  }

  of(proxy: Proxy): SidecarScope {
    const { namespace } = proxy;
    const sidecar = proxy.type === 'sidecar' ? this.#select(proxy) : undefined;
    const byNamespace = this.#known.get(sidecar) ?? new Map<string, SidecarScope>();
    this.#known.set(sidecar, byNamespace);
    const scope = byNamespace.get(namespace) ?? this.#build(sidecar, namespace);
    byNamespace.set(namespace, scope);
    return scope;
  }

  /** The workload's, else the namespace's, else the root namespace's; the oldest of several. */
  #select(proxy: Proxy): Sidecar | undefined {
    const labelsOf = ({ spec }: Sidecar): { [key: string]: string } => spec.workloadSelector?.labels ?? {};
    const own = this.#sidecars.filter(({ metadata }) => metadata.namespace === proxy.namespace);
    const bare = (sidecar: Sidecar): boolean => Object.keys(labelsOf(sidecar)).length === 0;
    return (
      own.find((sidecar) => !bare(sidecar) && selects(labelsOf(sidecar), proxy.labels)) ??
      own.find(bare) ??
      this.#sidecars.find(
        (sidecar) => sidecar.metadata.namespace === this.#sources.rootNamespace && bare(sidecar),
      )
    );
  }

  #build(sidecar: Sidecar | undefined, namespace: string): SidecarScope {
    const visible = this.#sources.visibleServices(namespace);
    const all: EgressListener = {
      port: undefined,
      bind: '',
      bound: undefined,
      services: visible,
      virtualServices: this.#sources.virtualServices.forMesh(namespace),
    };
    const ingress = sidecar?.spec.ingress?.length ? sidecar.spec.ingress : undefined;
    const spec = sidecar?.spec;
    if (!spec?.egress?.length) return { sidecar, services: visible, imported: all, egress: [all], ingress };
    const egress = spec.egress
      .map((one) => this.#egress(one, namespace))
      .sort((a, b) => Number(!a.port) - Number(!b.port));
    const imported = new Map<string, Service>();
    for (const listener of egress) {
      for (const [host, service] of listener.services) {
        const known = imported.get(host);
        imported.set(host, known ? merged(known, service) : service);
      }
    }
    const owners = [...new Set(egress.flatMap(({ virtualServices }) => virtualServices))];
    const services = new Map(imported);
    for (const host of owners.flatMap((owner) => this.#destinations(owner))) {
      const service = visible.get(host);
      if (service && !services.has(host)) services.set(host, service);
    }
    return {
      sidecar,
      services: inOrder(services),
      imported: { ...all, services: inOrder(imported), virtualServices: owners },
      egress,
      ingress,
    };
  }

  #egress(spec: EgressSpec, namespace: string): EgressListener {
    const imports = importsOf(spec.hosts ?? [], namespace);
    const proxyPort = spec.port?.protocol?.toUpperCase() === 'HTTP_PROXY';
    const number = proxyPort ? undefined : spec.port?.number || undefined;
    const services = new Map<string, Service>();
    for (const service of this.#visibleTo(namespace)) {
      const taken = imports.some(
        (one) =>
          (one.namespace === undefined || one.namespace === service.namespace) &&
          hostCovers(one.host, service.host),
      );
      const trimmed = taken ? onPort(service, number) : undefined;
      if (!trimmed) continue;
      const known = services.get(service.host);
      if (!known || (known.namespace !== namespace && service.namespace === namespace))
        services.set(service.host, trimmed);
    }
    const virtualServices = this.#sources.virtualServices
      .forMesh(namespace)
      .filter((owner) =>
        imports.some(
          (one) =>
            (one.namespace === undefined || one.namespace === owner.namespace) &&
            owner.hosts.some((host) => hostsOverlap(host, one.host)),
        ),
      );
    const { captureMode } = spec;
    return {
      port:
        number === undefined ? undefined : { number, protocol: protocolByName(spec.port?.protocol ?? '') },
      bind: spec.bind ?? '',
      bound:
        captureMode === captureModes.NONE ? true : captureMode === captureModes.IPTABLES ? false : undefined,
      services: inOrder(services),
      virtualServices,
    };
  }

  #visibleTo(namespace: string): readonly Service[] {
    const known =
      this.#visible.get(namespace) ??
      this.#sources.services.filter((one) => visibleIn(one.exportTo, one.namespace, namespace));
    this.#visible.set(namespace, known);
    return known;
  }

  #destinations(owner: VirtualService): string[] {
    const { http, tcp, tls } = owner.spec;
    const legs = [...(http ?? []), ...(tcp ?? []), ...(tls ?? [])].flatMap(({ route }) => [...(route ?? [])]);
    const mirrors = (http ?? []).flatMap(({ mirror, mirrors: more }) => [
      ...(mirror ? [mirror] : []),
      ...(more ?? []).map(({ destination }) => destination),
    ]);
    return [...legs.map(({ destination }) => destination), ...mirrors].map((destination) =>
      fullHost(destination?.host ?? '', owner.namespace, this.#sources.domainSuffix),
    );
  }
}

/** Indexes Sidecars, the oldest first. Without one a proxy sees all that is exported to its namespace. */
export function createSidecarScopes(sidecars: readonly Sidecar[], sources: ScopeSources): SidecarScopes {
  return new Scopes(sidecars, sources);
}
