import type { istio_networking_v1alpha3_Destination as Destination } from '@lateen/protos';
import { outboundClusterName } from '../cluster/cluster-name.ts';
import { fullHost } from '../model/host.ts';
import type { Service } from '../model/service.ts';

/** What destinations are resolved against. */
export interface DestinationScope {
  readonly services: ReadonlyMap<string, Service>;
  readonly domainSuffix: string;
  /** Namespace of the VirtualService. */
  readonly namespace: string;
  /** Port of the listener, taken when neither the destination nor the service says. */
  readonly port: number;
}

/** A destination resolved. The service may be unknown; its cluster is named all the same and answers 503 when hit. */
export interface ResolvedDestination {
  readonly cluster: string;
  readonly service: Service | undefined;
  readonly port: number;
  readonly subset: string;
}

/** Cluster that a destination means. */
export function resolveDestination(
  destination: Destination | undefined,
  scope: DestinationScope,
): ResolvedDestination {
  const host = fullHost(destination?.host ?? '', scope.namespace, scope.domainSuffix);
  const service = scope.services.get(host);
  const only = service?.ports.length === 1 ? service.ports[0]?.number : undefined;
  const port = destination?.port?.number || only || scope.port;
  const subset = destination?.subset ?? '';
  return { cluster: outboundClusterName(port, subset, service?.host ?? host), service, port, subset };
}
