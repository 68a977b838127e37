import type {
  envoy_config_route_v3_Route as Route,
  envoy_config_route_v3_RouteAction as RouteAction,
} from '@lateen/protos';

/** Route that takes CONNECT and ends it here: its bytes go to the cluster (RFC 9110, 9.3.6). */
export function connectRoute(name: string, action: Pick<RouteAction, 'cluster' | 'weightedClusters'>): Route {
  return {
    name,
    match: { connectMatcher: {} },
    route: {
      ...action,
      // A tunnel lasts as long as both ends want.
      timeout: { seconds: 0, nanos: 0 },
      upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
    },
  };
}
