import type {
  envoy_config_endpoint_v3_ClusterLoadAssignment,
  envoy_config_route_v3_RouteConfiguration,
  envoy_extensions_transport_sockets_tls_v3_Secret,
} from '@lateen/protos';
import type { ReceivedResource } from '@lateen/xds';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { ClusterStatus } from '../resources/cluster-store.ts';
import type { ListenerStatus } from '../resources/listener-store.ts';

/** What the admin server shows and may do. */
export interface AdminState {
  readonly bootstrap: Bootstrap;
  /** Names of Envoy's `ServerInfo.State`, and DRAINING. */
  readonly state: 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';
  clusters(): readonly ClusterStatus[];
  listeners(): readonly ListenerStatus[];
  routes(): ReadonlyMap<string, ReceivedResource<envoy_config_route_v3_RouteConfiguration>>;
  endpoints(): ReadonlyMap<string, ReceivedResource<envoy_config_endpoint_v3_ClusterLoadAssignment>>;
  secrets(): readonly ReceivedResource<envoy_extensions_transport_sockets_tls_v3_Secret>[];
  /** Resources that were refused; their last good ones are in use. */
  rejected(): readonly { readonly type: string; readonly name: string; readonly reason: string }[];
  /** Stops accepting on every listener. */
  drain(): void;
}
