import type { Random } from '@lateen/runtime';
import type { UpstreamHost } from '../cluster/cluster.ts';
import type { LoadBalancer } from './load-balancer.ts';

interface Weights {
  readonly hosts: readonly UpstreamHost[];
  /** Sums of weights up to each host; `undefined` when all weigh the same. */
  readonly sums: Float64Array | undefined;
}

/** Draws hosts by weight; keeps the sums of the list it saw last. */
export function createDraw(random: Random): (hosts: readonly UpstreamHost[]) => UpstreamHost {
  let last: Weights = { hosts: [], sums: undefined };
  const weigh = (hosts: readonly UpstreamHost[]): Weights => {
    const first = hosts[0]!.weight;
    if (hosts.every(({ weight }) => weight === first)) return { hosts, sums: undefined };
    const sums = new Float64Array(hosts.length);
    let total = 0;
    for (const [index, host] of hosts.entries()) sums[index] = total += host.weight;
    return { hosts, sums };
  };
  return (hosts) => {
    if (hosts.length === 1) return hosts[0]!;
    if (last.hosts !== hosts) last = weigh(hosts);
    const { sums } = last;
    if (!sums) return hosts[Math.min(hosts.length - 1, Math.floor(random() * hosts.length))]!;
    const draw = random() * sums[sums.length - 1]!;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (draw < sums[middle]!) high = middle;
      else low = middle + 1;
    }
    return hosts[low]!;
  };
}

/** `RANDOM`: each host in proportion to its weight. */
export function createRandom(random: Random): LoadBalancer {
  const draw = createDraw(random);
  return { pick: (hosts) => draw(hosts) };
}
