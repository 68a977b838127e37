import { invalidConfig } from '@lateen/matching';
import {
  anyName,
  type envoy_config_core_v3_Metadata,
  type envoy_config_core_v3_TransportSocket,
  type envoy_config_cluster_v3_Cluster_TransportSocketMatch,
  structJson,
  unpackAny,
} from '@lateen/protos';
import { createDownstreamTls, type DownstreamTls } from './downstream-tls.ts';
import type { TlsSurroundings } from './tls-material.ts';
import { createUpstreamTls, type UpstreamTls } from './upstream-tls.ts';

const raw = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
const downstream = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const upstream = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

function typeOf(socket: envoy_config_core_v3_TransportSocket, path: string): string {
  if (socket.typedConfig) return anyName(socket.typedConfig);
  if (socket.name === 'envoy.transport_sockets.raw_buffer') return raw;
  throw invalidConfig(`${path}.typed_config`, 'is required');
}

/** Server side of a filter chain's transport; `undefined`: plain. @throws LateenError naming `path` */
export function downstreamTransport(
  socket: envoy_config_core_v3_TransportSocket | undefined,
  path: string,
  surroundings: TlsSurroundings,
): DownstreamTls | undefined {
  if (!socket) return undefined;
  const type = typeOf(socket, path);
  if (type === raw) return undefined;
  if (type !== downstream) throw invalidConfig(`${path}.typed_config`, `${type} is not supported here`);
  return createDownstreamTls(
    unpackAny(downstream, socket.typedConfig!),
    `${path}.typed_config`,
    surroundings,
  );
}

function upstreamTransport(
  socket: envoy_config_core_v3_TransportSocket | undefined,
  path: string,
  surroundings: TlsSurroundings,
): UpstreamTls | undefined {
  if (!socket) return undefined;
  const type = typeOf(socket, path);
  if (type === raw) return undefined;
  if (type !== upstream) throw invalidConfig(`${path}.typed_config`, `${type} is not supported here`);
  return createUpstreamTls(unpackAny(upstream, socket.typedConfig!), `${path}.typed_config`, surroundings);
}

/** Transports of a cluster: which one a host gets depends on its metadata. */
export interface UpstreamTransports {
  /** `undefined`: plain. */
  choose(metadata: envoy_config_core_v3_Metadata | undefined): UpstreamTls | undefined;
  /** Every TLS context, for warming and for disposal. */
  readonly all: readonly UpstreamTls[];
  /** The one without conditions, for callers that have no host. */
  readonly fallback: UpstreamTls | undefined;
}

const matchFilter = 'envoy.transport_socket_match';

/** Compiles `transport_socket` and `transport_socket_matches`; the first match wins. @throws LateenError */
export function compileUpstreamTransports(
  socket: envoy_config_core_v3_TransportSocket | undefined,
  matches: readonly envoy_config_cluster_v3_Cluster_TransportSocketMatch[],
  surroundings: TlsSurroundings,
): UpstreamTransports {
  const fallback = upstreamTransport(socket, 'transport_socket', surroundings);
  const rules = matches.map((match, index) => {
    const path = `transport_socket_matches[${index}]`;
    const wanted = Object.entries(match.match ? structJson(match.match) : {});
    return {
      wanted,
      transport: upstreamTransport(match.transportSocket, `${path}.transport_socket`, surroundings),
    };
  });
  return {
    fallback,
    all: [fallback, ...rules.map(({ transport }) => transport)].filter((one) => one !== undefined),
    choose(metadata) {
      if (rules.length === 0) return fallback;
      const struct = metadata?.filterMetadata?.[matchFilter];
      const labels = struct ? structJson(struct) : undefined;
      for (const { wanted, transport } of rules) {
        if (wanted.every(([key, value]) => labels?.[key] === value)) return transport;
      }
      return fallback;
    },
  };
}
