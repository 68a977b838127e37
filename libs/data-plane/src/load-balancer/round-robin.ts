import type { Random } from '@lateen/runtime';
import type { UpstreamHost } from '../cluster/cluster.ts';
import type { LoadBalancer } from './load-balancer.ts';

/**
 * `ROUND_ROBIN`: in turn, with weights spread smoothly (each host gains its weight a turn, the richest is taken and
 * pays the total). Starts at a random host, so that many clients don't begin with the same one.
 */
export function createRoundRobin(random: Random): LoadBalancer {
  let known: readonly UpstreamHost[] = [];
  let equal = true;
  let next = 0;
  const credit = new Map<UpstreamHost, number>();

  const learn = (hosts: readonly UpstreamHost[]): void => {
    known = hosts;
    equal = hosts.every(({ weight }) => weight === hosts[0]!.weight);
    next = Math.floor(random() * hosts.length);
    credit.clear();
  };
  return {
    pick(hosts) {
      if (known !== hosts) learn(hosts);
      if (equal) {
        const host = hosts[next % hosts.length]!;
        next = (next + 1) % hosts.length;
        return host;
      }
      let total = 0;
      let best = hosts[0]!;
      let most = -Infinity;
      for (const host of hosts) {
        const gained = (credit.get(host) ?? 0) + host.weight;
        credit.set(host, gained);
        total += host.weight;
        if (gained > most) {
          most = gained;
          best = host;
        }
      }
      credit.set(best, most - total);
      return best;
    },
  };
}
