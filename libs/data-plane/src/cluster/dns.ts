import { lookup } from 'node:dns/promises';
import { enumOf } from '@lateen/protos';

/** Address families that a look-up may answer, in the order of preference. */
export type DnsFamily = 'v4' | 'v6' | 'v4-preferred' | 'v6-preferred' | 'all';

/** Resolves a name to addresses, at least one. @throws Error when there is none */
export type DnsResolver = (name: string, family: DnsFamily) => Promise<readonly string[]>;

/** Longest wait for an answer. Milliseconds. */
const lookupTimeoutMs = 5000;

/** The system's resolver (`/etc/hosts` included); it gives no time to live, so refresh rates alone decide. */
export const systemResolver: DnsResolver = async (name, family) => {
  const only = family === 'v4' ? 4 : family === 'v6' ? 6 : 0;
  const order =
    family === 'v4-preferred' ? 'ipv4first' : family === 'v6-preferred' ? 'ipv6first' : 'verbatim';
  const found = await Promise.race([
    lookup(name, { all: true, family: only, order }),
    new Promise<never>((_, reject) => {
      AbortSignal.timeout(lookupTimeoutMs).addEventListener('abort', () =>
        reject(new Error(`no answer for ${name} in time`)),
      );
    }),
  ]);
  const addresses = found.map(({ address }) => address);
  if (addresses.length === 0) throw new Error(`${name} has no address`);
  const preferred = family === 'v4-preferred' || family === 'v6-preferred';
  const first = found[0]?.family;
  // AUTO and the preferences mean one family: the other is only for names that lack the first.
  return preferred ? found.filter((one) => one.family === first).map(({ address }) => address) : addresses;
};

/** Family of `Cluster.DnsLookupFamily`. AUTO means IPv6 first, as in Envoy. */
export function dnsFamily(value: number | undefined): DnsFamily {
  const families = enumOf('envoy.config.cluster.v3.Cluster.DnsLookupFamily');
  switch (value ?? families.AUTO) {
    case families.V4_ONLY:
      return 'v4';
    case families.V6_ONLY:
      return 'v6';
    case families.V4_PREFERRED:
      return 'v4-preferred';
    case families.ALL:
      return 'all';
    default:
      return 'v6-preferred';
  }
}
