import { type google_protobuf_Any, unpackAny } from '@lateen/protos';
import type { GateFilter } from '../connection.ts';

const message = 'envoy.extensions.filters.network.sni_cluster.v3.SniCluster';

/** Compiles `envoy.filters.network.sni_cluster`: the server name says which cluster `tcp_proxy` connects to. */
export function createSniCluster(any: google_protobuf_Any): GateFilter {
  unpackAny(message, any);
  return {
    kind: 'gate',
    admit(connection) {
      if (connection.info.serverName !== '') connection.cluster = connection.info.serverName;
      return true;
    },
  };
}
