import type { envoy_config_core_v3_Metadata } from '@lateen/protos';
import { addressLabel, type NetworkAddress } from '../bootstrap/address.ts';
import type { Endpoint } from '../connection.ts';
import type { UpstreamHost } from './cluster.ts';
import type { EndpointSpec } from './endpoints.ts';

/** An endpoint with what balancing and outlier detection know about it. */
export class Host implements UpstreamHost {
  readonly address: NetworkAddress;
  readonly endpoint: Endpoint;
  readonly label: string;
  hostname: string;
  metadata: envoy_config_core_v3_Metadata | undefined;
  weight: number;
  priority: number;
  /** By configuration. */
  healthy: boolean;
  /** By outlier detection. */
  ejected = false;
  activeRequests = 0;

  constructor(spec: EndpointSpec) {
    const { address } = spec;
    this.address = address;
    this.label = addressLabel(address);
    this.endpoint =
      address.kind === 'socket'
        ? { address: address.host, port: address.port }
        : { address: this.label, port: 0 };
    this.hostname = spec.hostname;
    this.metadata = spec.metadata;
    this.weight = spec.weight;
    this.priority = spec.priority;
    this.healthy = spec.healthy;
  }

  get available(): boolean {
    return this.healthy && !this.ejected;
  }
}

/** The hosts of a cluster. An update keeps the objects of addresses that stay, with their counts. */
export class HostSet {
  #hosts: readonly Host[] = [];
  readonly #panicPercent: number;
  #usable: readonly Host[] = [];

  /** `panicPercent`: below this share of available hosts all of them are used (Envoy's panic mode). */
  constructor(panicPercent: number) {
    this.#panicPercent = panicPercent;
  }

  get all(): readonly Host[] {
    return this.#hosts;
  }

  /** Hosts to balance over: available ones of the first priority that has any. */
  get usable(): readonly Host[] {
    return this.#usable;
  }

  update(specs: readonly EndpointSpec[]): void {
    const known = new Map(this.#hosts.map((host) => [host.label, host]));
    const next = new Map<string, Host>();
    for (const spec of specs) {
      const label = addressLabel(spec.address);
      if (next.has(label)) continue;
      const host = known.get(label);
      if (host) {
        const { hostname, metadata, weight, priority, healthy } = spec;
        Object.assign(host, { hostname, metadata, weight, priority, healthy });
      }
      next.set(label, host ?? new Host(spec));
    }
    this.#hosts = [...next.values()];
    this.refresh();
  }

  /** Chooses the usable hosts anew, after an ejection or its end. */
  refresh(): void {
    const priorities = [...new Set(this.#hosts.map(({ priority }) => priority))].sort(
      (left, right) => left - right,
    );
    for (const priority of priorities) {
      const members = this.#hosts.filter((host) => host.priority === priority);
      const available = members.filter((host) => host.available);
      if ((available.length / members.length) * 100 >= this.#panicPercent && available.length > 0) {
        this.#usable = available;
        return;
      }
    }
    const available = this.#hosts.filter((host) => host.available);
    const panics =
      this.#hosts.length > 0 && (available.length / this.#hosts.length) * 100 < this.#panicPercent;
    const first = priorities[0];
    this.#usable = panics ? this.#hosts.filter(({ priority }) => priority === first) : available;
  }
}
