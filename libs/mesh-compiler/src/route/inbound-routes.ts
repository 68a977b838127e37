import type { envoy_config_route_v3_RouteConfiguration as RouteConfiguration } from '@lateen/protos';
import { serviceFilterConfig } from '../filter/mixer.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service } from '../model/service.ts';
import { inboundRetryPolicy } from './retry-policy.ts';

/** The port whose routes are built. */
export interface InboundRouteQuery {
  /** Cluster to the workload; also the configuration's name. */
  readonly cluster: string;
  readonly service: Service | undefined;
  /** Port of the service, in names. */
  readonly servicePort: number;
  /** Name in traces in place of the service's host. */
  readonly operation?: string;
}

const none = { seconds: 0, nanos: 0 };

/** Routes of a workload's own port: everything goes to the workload. */
export function inboundConfiguration(
  model: MeshModel,
  proxy: Proxy,
  query: InboundRouteQuery,
): RouteConfiguration {
  const { cluster, service } = query;
  const mixer = service && serviceFilterConfig(model, proxy, service, 'inbound');
  return {
    name: cluster,
    validateClusters: { value: false },
    virtualHosts: [
      {
        name: `inbound|http|${query.servicePort}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { prefix: '/' },
            decorator: { operation: `${query.operation ?? service?.host ?? ''}:${query.servicePort}/*` },
            route: {
              cluster,
              timeout: none,
              retryPolicy: inboundRetryPolicy,
              maxStreamDuration: { maxStreamDuration: none, grpcTimeoutHeaderMax: none },
            },
            ...(mixer ? { typedPerFilterConfig: { mixer } } : {}),
          },
        ],
      },
    ],
  };
}
