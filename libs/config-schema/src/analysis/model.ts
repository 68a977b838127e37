import type {
  istio_networking_v1alpha3_DestinationRule as DestinationRule,
  istio_networking_v1alpha3_Gateway as Gateway,
  istio_networking_v1alpha3_ServiceEntry as ServiceEntry,
  istio_networking_v1alpha3_VirtualService as VirtualService,
  k8s_io_api_core_v1_ServiceSpec as ServiceSpec,
} from '@lateen/protos';
import { hostCovers } from '../rules/host.ts';
import type { ConfigObject } from '../object.ts';
import { didYouMean } from '../suggestion.ts';

/** A host of the registry with its ports' numbers, and who may see it. */
export interface KnownHost {
  readonly host: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  readonly exportTo: readonly string[];
}

function ofKind<Spec>(
  objects: readonly ConfigObject[],
  group: string,
  kind: string,
): readonly ConfigObject<Spec>[] {
  return objects.filter(
    (object) => object.kind === kind && object.apiVersion.startsWith(group),
  ) as ConfigObject<Spec>[];
}

const networking = 'networking.istio.io/';

/** Suggestions that one analysis makes. */
const mostHints = 50;

/** The objects of one analysis, joined once. */
export class AnalysisModel {
  readonly virtualServices: readonly ConfigObject<VirtualService>[];
  readonly destinationRules: readonly ConfigObject<DestinationRule>[];
  readonly gateways: readonly ConfigObject<Gateway>[];
  readonly #domain: string;
  readonly #exact = new Map<string, KnownHost[]>();
  readonly #wildcards: KnownHost[] = [];
  readonly #ruleHosts: readonly { host: string; subsets: readonly string[] }[];
  readonly #subsets = new Map<string, ReadonlySet<string>>();
  #hints = 0;

  constructor(objects: readonly ConfigObject[], domain: string) {
    this.#domain = domain;
    this.virtualServices = ofKind<VirtualService>(objects, networking, 'VirtualService');
    this.destinationRules = ofKind<DestinationRule>(objects, networking, 'DestinationRule');
    this.gateways = ofKind<Gateway>(objects, networking, 'Gateway');
    this.#ruleHosts = this.destinationRules.map(({ spec, metadata }) => ({
      host: this.fullHost(spec.host ?? '', metadata.namespace),
      subsets: (spec.subsets ?? []).flatMap(({ name }) => (name ? [name] : [])),
    }));
    for (const { metadata, spec } of ofKind<ServiceSpec>(objects, 'v1', 'Service')) {
      const exported = metadata.annotations['networking.istio.io/exportTo'];
      this.#know({
        host: `${metadata.name}.${metadata.namespace}.svc.${domain}`,
        namespace: metadata.namespace,
        ports: (spec.ports ?? []).map(({ port = 0 }) => port),
        exportTo: exported ? exported.split(',').map((each) => each.trim()) : [],
      });
    }
    for (const { metadata, spec } of ofKind<ServiceEntry>(objects, networking, 'ServiceEntry')) {
      const ports = (spec.ports ?? []).map(({ number = 0 }) => number);
      for (const host of spec.hosts ?? [])
        this.#know({ host, namespace: metadata.namespace, ports, exportTo: spec.exportTo ?? [] });
    }
  }

  #know(known: KnownHost): void {
    if (known.host.startsWith('*')) {
      this.#wildcards.push(known);
      return;
    }
    const same = this.#exact.get(known.host);
    if (same) same.push(known);
    else this.#exact.set(known.host, [known]);
  }

  /** A host as an object of `namespace` means it: short names are names of its own namespace. */
  fullHost(host: string, namespace: string): string {
    if (host.includes('.') || host.startsWith('*')) return host;
    return `${host}.${namespace}.svc.${this.#domain}`;
  }

  /** Hosts of the registry that `host` means when written in `namespace`, those that it may see. */
  hosts(host: string, namespace: string): readonly KnownHost[] {
    const full = this.fullHost(host, namespace);
    const found = [
      ...(this.#exact.get(full) ?? []),
      ...(this.#exact.get(host) ?? []),
      ...this.#wildcards.filter((known) => hostCovers(known.host, full)),
    ];
    return found.filter(({ exportTo, namespace: owner }) => {
      if (exportTo.length === 0 || exportTo.includes('*')) return true;
      return exportTo.includes(namespace) || (exportTo.includes('.') && owner === namespace);
    });
  }

  /** The host that `host`, which nobody has, was probably meant to be. Costs a walk over all hosts, so it is done for the first findings only. */
  hostHint(host: string, namespace: string): string | undefined {
    if (this.#hints >= mostHints) return undefined;
    this.#hints += 1;
    const suffix = `.${namespace}.svc.${this.#domain}`;
    const names = [...this.#exact.keys()];
    return didYouMean(
      host,
      host.includes('.')
        ? names
        : names.flatMap((name) => (name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [])),
    );
  }

  /** Names of subsets that rules define for a host. */
  subsets(host: string, namespace: string): ReadonlySet<string> {
    const full = this.fullHost(host, namespace);
    const known = this.#subsets.get(full);
    if (known) return known;
    const names = new Set<string>();
    for (const { host: ruleHost, subsets } of this.#ruleHosts) {
      if (ruleHost === full || (ruleHost.startsWith('*') && hostCovers(ruleHost, full)))
        for (const name of subsets) names.add(name);
    }
    this.#subsets.set(full, names);
    return names;
  }
}
