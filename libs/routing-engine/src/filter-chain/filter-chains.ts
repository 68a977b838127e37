import { addressBytes, compileCidr, invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import {
  type envoy_config_core_v3_CidrRange,
  type envoy_config_listener_v3_FilterChain,
  type envoy_config_listener_v3_FilterChainMatch,
  type envoy_config_listener_v3_Listener,
  enumOf,
} from '@lateen/protos';

/** What is known of a connection when its chain is chosen. Addresses of unix sockets are empty. */
export interface ConnectionFacts {
  /** Address that the client meant. */
  readonly destination: { readonly address: string; readonly port: number };
  /** The peer of the socket itself. */
  readonly directSource: string;
  /** Where the connection came from, after PROXY protocol. */
  readonly source: { readonly address: string; readonly port: number };
  /** SNI in lower case; empty without. */
  readonly serverName: string;
  readonly transportProtocol: 'tls' | 'raw_buffer';
  /** ALPN of the client, or the version that HTTP inspection found (`http/1.0`, `http/1.1`, `h2c`), in order. */
  readonly applicationProtocols: readonly string[];
}

/** Which chain serves a connection. */
export type FilterChainChoice =
  | { readonly kind: 'chain'; readonly index: number; readonly chain: envoy_config_listener_v3_FilterChain }
  | { readonly kind: 'default'; readonly chain: envoy_config_listener_v3_FilterChain }
  | { readonly kind: 'none' };

/** Compiled filter chains of a listener. */
export interface FilterChains {
  choose(facts: ConnectionFacts): FilterChainChoice;
}

/** Facts with addresses parsed once. */
interface Facts extends ConnectionFacts {
  readonly destinationBytes: Uint8Array | undefined;
  readonly directSourceBytes: Uint8Array | undefined;
  readonly sourceBytes: Uint8Array | undefined;
}

interface Candidate {
  readonly match: envoy_config_listener_v3_FilterChainMatch;
  readonly path: string;
  readonly choice: FilterChainChoice;
}

type Choose = (facts: Facts) => FilterChainChoice | undefined;
type Level = (candidates: readonly Candidate[], next: Next) => Choose;
type Next = (candidates: readonly Candidate[]) => Choose;

/** Groups candidates by the keys that each one names; `fallback` gets those that name none. */
function group<K>(
  candidates: readonly Candidate[],
  keysOf: (candidate: Candidate) => readonly K[],
  next: Next,
): { keyed: Map<K, Choose>; fallback: Choose | undefined } {
  const groups = new Map<K, Candidate[]>();
  const rest: Candidate[] = [];
  for (const candidate of candidates) {
    const keys = new Set(keysOf(candidate));
    if (keys.size === 0) rest.push(candidate);
    for (const key of keys) {
      const members = groups.get(key);
      if (members) members.push(candidate);
      else groups.set(key, [candidate]);
    }
  }
  const keyed = new Map([...groups].map(([key, members]) => [key, next(members)]));
  return { keyed, fallback: rest.length > 0 ? next(rest) : undefined };
}

// Each level takes the most specific group and never comes back to a less specific one: Envoy's rule.

const byDestinationPort: Level = (candidates, next) => {
  const port = (candidate: Candidate): readonly number[] => {
    const value = numberOr(candidate.match.destinationPort, undefined);
    return value === undefined ? [] : [value];
  };
  const { keyed, fallback } = group(candidates, port, next);
  return (facts) => (keyed.get(facts.destination.port) ?? fallback)?.(facts);
};

function byRanges(
  rangesOf: (
    match: envoy_config_listener_v3_FilterChainMatch,
  ) => readonly envoy_config_core_v3_CidrRange[] | undefined,
  field: string,
  bytesOf: (facts: Facts) => Uint8Array | undefined,
): Level {
  return (candidates, next) => {
    const cidrs = new Map<string, ReturnType<typeof compileCidr>>();
    const keysOf = ({ match, path }: Candidate): readonly string[] =>
      (rangesOf(match) ?? []).map((range, index) => {
        const cidr = compileCidr(range, `${path}.${field}[${index}]`);
        const key = `${Buffer.from(cidr.bytes).toString('hex')}/${cidr.prefixLength}`;
        cidrs.set(key, cidr);
        return key;
      });
    const { keyed, fallback } = group(candidates, keysOf, next);
    const ordered = [...keyed]
      .map(([key, choose]) => ({ cidr: cidrs.get(key)!, choose }))
      .sort((left, right) => right.cidr.prefixLength - left.cidr.prefixLength);
    return (facts) => {
      const bytes = bytesOf(facts);
      for (const { cidr, choose } of ordered) if (cidr.contains(bytes)) return choose(facts);
      return fallback?.(facts);
    };
  };
}

const byServerName: Level = (candidates, next) => {
  const keysOf = ({ match, path }: Candidate): readonly string[] =>
    (match.serverNames ?? []).map((name, index) => {
      const wildcard = name.startsWith('*.');
      if (name === '' || name.slice(wildcard ? 2 : 0).includes('*')) {
        throw invalidConfig(
          `${path}.server_names[${index}]`,
          `"${name}": only a whole first label may be "*"`,
        );
      }
      return (wildcard ? name.slice(1) : name).toLowerCase();
    });
  const { keyed, fallback } = group(candidates, keysOf, next);
  return (facts) => {
    const name = facts.serverName;
    if (name !== '' && keyed.size > 0) {
      const exact = keyed.get(name);
      if (exact) return exact(facts);
      for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
        const wildcard = keyed.get(name.slice(dot));
        if (wildcard) return wildcard(facts);
      }
    }
    return fallback?.(facts);
  };
};

const byTransportProtocol: Level = (candidates, next) => {
  const { keyed, fallback } = group(
    candidates,
    ({ match }) => (match.transportProtocol ? [match.transportProtocol] : []),
    next,
  );
  return (facts) => (keyed.get(facts.transportProtocol) ?? fallback)?.(facts);
};

const byApplicationProtocol: Level = (candidates, next) => {
  const { keyed, fallback } = group(candidates, ({ match }) => match.applicationProtocols ?? [], next);
  return (facts) => {
    for (const protocol of facts.applicationProtocols) {
      const choose = keyed.get(protocol);
      if (choose) return choose(facts);
    }
    return fallback?.(facts);
  };
};

function isLocal({ source, destination, sourceBytes }: Facts): boolean {
  if (source.address === '' || source.address === destination.address) return true;
  if (!sourceBytes) return false;
  if (sourceBytes.length === 4) return sourceBytes[0] === 127;
  return sourceBytes.subarray(0, 15).every((byte) => byte === 0) && sourceBytes[15] === 1;
}

const bySourceType: Level = (candidates, next) => {
  const types = enumOf('envoy.config.listener.v3.FilterChainMatch.ConnectionSourceType');
  const { keyed, fallback } = group(
    candidates,
    ({ match }) => (match.sourceType ? [match.sourceType] : []),
    next,
  );
  if (keyed.size === 0) return (facts) => fallback?.(facts);
  return (facts) => {
    const type = isLocal(facts) ? types.SAME_IP_OR_LOOPBACK : types.EXTERNAL;
    return (keyed.get(type) ?? fallback)?.(facts);
  };
};

const bySourcePort: Level = (candidates, next) => {
  const { keyed, fallback } = group(candidates, ({ match }) => match.sourcePorts ?? [], next);
  return (facts) => (keyed.get(facts.source.port) ?? fallback)?.(facts);
};

/** Envoy's order of criteria. */
const levels: readonly Level[] = [
  byDestinationPort,
  byRanges(
    ({ prefixRanges }) => prefixRanges,
    'prefix_ranges',
    (facts) => facts.destinationBytes,
  ),
  byServerName,
  byTransportProtocol,
  byApplicationProtocol,
  byRanges(
    (match) => match.directSourcePrefixRanges,
    'direct_source_prefix_ranges',
    (facts) => facts.directSourceBytes,
  ),
  bySourceType,
  byRanges(
    ({ sourcePrefixRanges }) => sourcePrefixRanges,
    'source_prefix_ranges',
    (facts) => facts.sourceBytes,
  ),
  bySourcePort,
];

function build(candidates: readonly Candidate[], depth: number): Choose {
  const level = levels[depth];
  if (level) return level(candidates, (members) => build(members, depth + 1));
  const [first, second] = candidates;
  if (second) {
    throw invalidConfig(second.path, 'matches the same connections as an earlier filter chain');
  }
  const choice = first!.choice;
  return () => choice;
}

/**
 * Compiles a listener's filter chains to Envoy's choice: destination port, destination address (longest prefix), server
 * name (exact, longest wildcard), transport protocol, application protocol, direct source, source type, source address,
 * source port; then the default chain, if any.
 * @throws LateenError LTN_CONFIG_INVALID for matches that are the same, wrong or not supported
 */
export function compileFilterChains(listener: envoy_config_listener_v3_Listener): FilterChains {
  refuseFields(listener, '', ['filterChainMatcher']);
  const candidates = (listener.filterChains ?? []).map((chain, index): Candidate => {
    const path = `filter_chains[${index}].filter_chain_match`;
    const match = chain.filterChainMatch ?? {};
    refuseFields(match, path, ['addressSuffix', 'suffixLen']);
    return { match, path, choice: { kind: 'chain', index, chain } };
  });
  const { defaultFilterChain } = listener;
  const otherwise: FilterChainChoice = defaultFilterChain
    ? { kind: 'default', chain: defaultFilterChain }
    : { kind: 'none' };
  const choose = candidates.length > 0 ? build(candidates, 0) : () => undefined;
  return {
    choose(facts) {
      const parsed: Facts = {
        ...facts,
        destinationBytes: addressBytes(facts.destination.address),
        directSourceBytes: addressBytes(facts.directSource),
        sourceBytes: addressBytes(facts.source.address),
      };
      return choose(parsed) ?? otherwise;
    },
  };
}
