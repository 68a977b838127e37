import type { Random } from '@lateen/runtime';
import type { LoadBalancer } from './load-balancer.ts';
import { createDraw } from './random.ts';

/** `LEAST_REQUEST`: the least busy of `choices` hosts that are drawn by weight. */
export function createLeastRequest(random: Random, choices: number): LoadBalancer {
  const draw = createDraw(random);
  const count = Math.max(2, choices);
  return {
    pick(hosts) {
      let best = draw(hosts);
      for (let choice = 1; choice < count && hosts.length > 1; choice += 1) {
        const other = draw(hosts);
        if (other.activeRequests < best.activeRequests) best = other;
      }
      return best;
    },
  };
}
