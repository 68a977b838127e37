import { typeUrl } from '@lateen/protos';

/** Type URLs of the resources that Envoy subscribes to, in the order in which it asks for them. */
export const xdsTypes = {
  cluster: typeUrl('envoy.config.cluster.v3.Cluster'),
  endpoint: typeUrl('envoy.config.endpoint.v3.ClusterLoadAssignment'),
  listener: typeUrl('envoy.config.listener.v3.Listener'),
  route: typeUrl('envoy.config.route.v3.RouteConfiguration'),
  secret: typeUrl('envoy.extensions.transport_sockets.tls.v3.Secret'),
} as const;

const order: readonly string[] = Object.values(xdsTypes);

/** Sorts type URLs in Envoy's order: clusters, endpoints, listeners, routes, secrets, then everything else. */
export function compareTypes(left: string, right: string): number {
  const rank = (url: string): number => (order.includes(url) ? order.indexOf(url) : order.length);
  return rank(left) - rank(right);
}

/**
 * Is a state-of-the-world response of this type the whole truth, so that what it lacks is gone? True of clusters and
 * listeners alone; other types are updated one by one (xDS protocol, "Grouping Resources into Responses").
 */
export function isFullState(url: string): boolean {
  return url === xdsTypes.cluster || url === xdsTypes.listener;
}

/** Does a first request without names subscribe to everything? (xDS protocol, "legacy wildcard") */
export function hasLegacyWildcard(url: string): boolean {
  return isFullState(url);
}

/** Resource name that a message itself states: `cluster_name` of a load assignment, `name` of everything else. */
export function resourceNameOf(message: object): string {
  const fields = message as { readonly name?: unknown; readonly clusterName?: unknown };
  if (typeof fields.clusterName === 'string' && fields.clusterName !== '') return fields.clusterName;
  return typeof fields.name === 'string' ? fields.name : '';
}
