import type { ConfigObject } from '@lateen/config-schema';
import type { istio_networking_v1alpha3_VirtualService as VirtualServiceSpec } from '@lateen/protos';
import { type DelegateLookup, withDelegates } from './delegates.ts';
import { fullHost } from './host.ts';
import { visibleIn } from './service.ts';
import { objectKey } from './spec.ts';

/** A VirtualService with its names resolved. */
export interface VirtualService {
  readonly name: string;
  readonly namespace: string;
  readonly key: string;
  /** As written. */
  readonly shortHosts: readonly string[];
  /** Full hosts. */
  readonly hosts: readonly string[];
  /** `mesh` or `namespace/name` of gateways. */
  readonly gateways: readonly string[];
  readonly spec: VirtualServiceSpec;
  readonly exportTo: ReadonlySet<string>;
}

/** VirtualServices in force, the oldest first. */
export interface VirtualServices {
  /** Those that sidecars of a namespace follow. */
  forMesh(namespace: string): readonly VirtualService[];
  /** Those bound to a gateway, given as `namespace/name`. */
  forGateway(gateway: string): readonly VirtualService[];
}

/** Name by which a gateway is kept: `mesh`, or `namespace/name`. */
export function gatewayName(name: string, namespace: string): string {
  if (name === 'mesh' || name.includes('/')) return name;
  return `${name.includes('.') ? legacyGatewayName(name) : `${namespace}/${name}`}`;
}

/** `name.namespace.svc.…`, the form of Istio 0.8. */
function legacyGatewayName(name: string): string {
  const [short = '', namespace = ''] = name.split('.');
  return `${namespace}/${short}`;
}

/** Indexes VirtualServices (the oldest first) by gateway. Delegates (no hosts) stand in the routes that name them. */
export function indexVirtualServices(
  objects: readonly ConfigObject<VirtualServiceSpec>[],
  options: { domainSuffix: string; defaultExportTo: readonly string[] },
): VirtualServices {
  const delegates = new Map(
    objects
      .filter(({ spec }) => (spec.hosts ?? []).length === 0)
      .map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec.http ?? []]),
  );
  const find: DelegateLookup = (name, namespace) => delegates.get(`${namespace}/${name}`);
  const byGateway = new Map<string, VirtualService[]>();
  for (const object of objects) {
    const { name, namespace } = object.metadata;
    const { spec } = object;
    const hosts = spec.hosts ?? [];
    if (hosts.length === 0) continue;
    const gateways = spec.gateways && spec.gateways.length > 0 ? spec.gateways : ['mesh'];
    const exportTo = spec.exportTo && spec.exportTo.length > 0 ? spec.exportTo : options.defaultExportTo;
    const virtualService: VirtualService = {
      name,
      namespace,
      key: objectKey('istio/networking/v1alpha3/virtualservices', object),
      shortHosts: hosts,
      hosts: hosts.map((host) => fullHost(host, namespace, options.domainSuffix)),
      gateways: gateways.map((gateway) => gatewayName(gateway, namespace)),
      spec: (spec.http ?? []).some(({ delegate }) => delegate)
        ? { ...spec, http: withDelegates(spec.http ?? [], namespace, find) }
        : spec,
      exportTo: new Set(exportTo.length > 0 ? exportTo : ['*']),
    };
    for (const gateway of new Set(virtualService.gateways)) {
      byGateway.set(gateway, [...(byGateway.get(gateway) ?? []), virtualService]);
    }
  }
  return {
    forMesh: (namespace) =>
      (byGateway.get('mesh') ?? []).filter((one) => visibleIn(one.exportTo, one.namespace, namespace)),
    forGateway: (gateway) => byGateway.get(gateway) ?? [],
  };
}
