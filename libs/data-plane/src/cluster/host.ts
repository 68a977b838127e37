import type { envoy_config_core_v3_Metadata } from '@lateen/protos';
import { addressLabel, type NetworkAddress } from '../bootstrap/address.ts';
import type { Endpoint } from '../connection.ts';
import type { UpstreamHost } from './cluster.ts';
import type { EndpointSpec } from './endpoints.ts';
import type { SlowStart } from './slow-start.ts';

/** An endpoint with what balancing and outlier detection know about it. */
export class Host implements UpstreamHost {
  readonly address: NetworkAddress;
  readonly endpoint: Endpoint;
  readonly label: string;
  hostname: string;
  metadata: envoy_config_core_v3_Metadata | undefined;
  /** The configured weight, less while the host starts slowly. */
  weight: number;
  priority: number;
  /** By configuration. */
  healthy: boolean;
  /** By outlier detection. */
  ejected = false;
  activeRequests = 0;
  /** Monotonic milliseconds. */
  readonly addedAt: number;
  configuredWeight: number;
  readonly #gone = new AbortController();

  constructor(spec: EndpointSpec, now: number) {
    this.addedAt = now;
    const { address } = spec;
    this.address = address;
    this.label = addressLabel(address);
    this.endpoint =
      address.kind === 'socket'
        ? { address: address.host, port: address.port }
        : { address: this.label, port: 0 };
    this.hostname = spec.hostname;
    this.metadata = spec.metadata;
    this.weight = this.configuredWeight = spec.weight;
    this.priority = spec.priority;
    this.healthy = spec.healthy;
  }

  get available(): boolean {
    return this.healthy && !this.ejected;
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The cluster has no such host any more. */
  leave(): void {
    this.#gone.abort();
  }
}

/** Hosts of one priority that may be chosen, with their share of the load. */
export interface HostTier {
  readonly priority: number;
  readonly hosts: readonly Host[];
  /** Sum of the shares up to this tier; 100 at the last. */
  readonly until: number;
}

/** How hosts come to be usable. */
export interface HostSetOptions {
  /** Below this share of available hosts all of them are used (Envoy's panic mode). */
  readonly panicPercent: number;
  readonly slowStart?: SlowStart | undefined;
  /** Monotonic milliseconds, for the age of hosts; only asked with `slowStart`. */
  readonly now?: () => number;
}

const noTiers: readonly HostTier[] = [];

/** The hosts of a cluster. An update keeps the objects of addresses that stay, with their counts. */
export class HostSet {
  #hosts: readonly Host[] = [];
  readonly #panicPercent: number;
  readonly #slowStart: SlowStart | undefined;
  readonly #now: () => number;
  #overprovisioning = 1.4;
  #tiers = noTiers;

  constructor({ panicPercent, slowStart, now = () => 0 }: HostSetOptions) {
    this.#panicPercent = panicPercent;
    this.#slowStart = slowStart;
    this.#now = now;
  }

  get all(): readonly Host[] {
    return this.#hosts;
  }

  /**
   * Hosts to balance over, by priority: the first serves all until too few of it are available (less than 100 % after
   * overprovisioning), then the next takes the rest (Envoy's priority levels). Empty: no host may be chosen.
   */
  get tiers(): readonly HostTier[] {
    return this.#tiers;
  }

  /** Does a host's share still grow? */
  get warming(): boolean {
    const slowStart = this.#slowStart;
    if (!slowStart) return false;
    const now = this.#now();
    return this.#hosts.some((host) => now - host.addedAt < slowStart.windowMs);
  }

  /** `overprovisioningPercent`: of the load assignment's policy; Envoy's 140 without. */
  update(specs: readonly EndpointSpec[], overprovisioningPercent = 140): void {
    this.#overprovisioning = overprovisioningPercent / 100;
    const known = new Map(this.#hosts.map((host) => [host.label, host]));
    const next = new Map<string, Host>();
    for (const spec of specs) {
      const label = addressLabel(spec.address);
      if (next.has(label)) continue;
      const host = known.get(label);
      if (host) {
        const { hostname, metadata, weight, priority, healthy } = spec;
        Object.assign(host, { hostname, metadata, weight, configuredWeight: weight, priority, healthy });
      }
      next.set(label, host ?? new Host(spec, this.#now()));
    }
    const left = this.#hosts.filter(({ label }) => !next.has(label));
    this.#hosts = [...next.values()];
    this.refresh();
    for (const host of left) host.leave();
  }

  /** Chooses the usable hosts anew, after an ejection or its end and while hosts start slowly. */
  refresh(): void {
    this.#weigh();
    const priorities = [...new Set(this.#hosts.map(({ priority }) => priority))].sort((a, b) => a - b);
    const levels = priorities.map((priority) => {
      const members = this.#hosts.filter((host) => host.priority === priority);
      const available = members.filter((host) => host.available);
      const percent = (available.length / members.length) * 100;
      return {
        priority,
        members,
        available,
        percent,
        health: Math.min(100, percent * this.#overprovisioning),
      };
    });
    const total = Math.min(
      100,
      levels.reduce((sum, { health }) => sum + health, 0),
    );
    const tiers: HostTier[] = [];
    let until = 0;
    for (const { priority, members, available, percent, health } of levels) {
      const panics = total < 100 && percent < this.#panicPercent;
      // Without any available host the load follows the number of hosts.
      const share =
        total === 0
          ? (members.length / this.#hosts.length) * 100
          : Math.min(100 - until, (health * 100) / total);
      const hosts = panics ? members : available;
      if (share <= 0 || hosts.length === 0) continue;
      until += share;
      tiers.push({ priority, hosts, until });
    }
    this.#tiers = tiers.length > 0 ? tiers : noTiers;
  }

  #weigh(): void {
    const slowStart = this.#slowStart;
    if (!slowStart) return;
    const now = this.#now();
    for (const host of this.#hosts) {
      host.weight = host.configuredWeight * slowStart.factor(now - host.addedAt);
    }
  }
}
