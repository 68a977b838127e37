import { hashText } from '@lateen/routing-engine';
import type { Random } from '@lateen/runtime';
import type { UpstreamHost } from '../cluster/cluster.ts';
import type { LoadBalancer } from './load-balancer.ts';
import { createDraw } from './random.ts';

/** Points on the ring of a host of average weight. */
const pointsPerHost = 160;
/** Most points of a ring. */
const maxPoints = 1 << 20;

interface Ring {
  readonly points: Uint32Array;
  readonly owners: readonly UpstreamHost[];
}

function build(hosts: readonly UpstreamHost[]): Ring {
  const average = hosts.reduce((sum, { weight }) => sum + weight, 0) / hosts.length;
  const scale = Math.min(1, maxPoints / (hosts.length * pointsPerHost));
  const entries: { point: number; owner: UpstreamHost }[] = [];
  for (const owner of hosts) {
    const count = Math.max(1, Math.round((owner.weight / average) * pointsPerHost * scale));
    for (let index = 0; index < count; index += 1)
      entries.push({ point: hashText(`${owner.label}_${index}`), owner });
  }
  entries.sort((left, right) => left.point - right.point || (left.owner.label < right.owner.label ? -1 : 1));
  return {
    points: Uint32Array.from(entries, ({ point }) => point),
    owners: entries.map(({ owner }) => owner),
  };
}

/** `RING_HASH`: the first point at or after the hash; a request without a hash goes anywhere, by weight. */
export function createHashRing(random: Random): LoadBalancer {
  const draw = createDraw(random);
  let known: readonly UpstreamHost[] = [];
  let ring: Ring = { points: new Uint32Array(), owners: [] };
  return {
    pick(hosts, { hash }) {
      if (hash === undefined) return draw(hosts);
      if (known !== hosts) {
        known = hosts;
        ring = build(hosts);
      }
      const { points, owners } = ring;
      let low = 0;
      let high = points.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (points[middle]! < hash) low = middle + 1;
        else high = middle;
      }
      return owners[low === points.length ? 0 : low]!;
    },
  };
}
