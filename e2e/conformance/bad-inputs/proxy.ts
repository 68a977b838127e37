import { createDataPlane, type DataPlane, parseBootstrap } from '@lateen/data-plane';
import { MetricsRegistry, silentLogger, systemClock } from '@lateen/runtime';

/** Connection managers by listener name, in proto JSON: all on top of the same route to one origin. */
export type Managers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A real data plane in front of one origin, a listener for each connection manager. */
export async function startProxy(
  originPort: number,
  managers: Managers,
): Promise<DataPlane & AsyncDisposable> {
  const listeners = Object.entries(managers).map(([name, manager]) => ({
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: name,
              route_config: {
                name: 'all',
                virtual_hosts: [
                  {
                    name: 'all',
                    domains: ['*'],
                    routes: [{ match: { prefix: '/' }, route: { cluster: 'origin' } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                  },
                },
              ],
              ...manager,
            },
          },
        ],
      },
    ],
  }));
  const origin = {
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: originPort } } },
  };
  const text = JSON.stringify({
    static_resources: {
      listeners,
      clusters: [
        {
          name: 'origin',
          type: 'STATIC',
          connect_timeout: '1s',
          load_assignment: { cluster_name: 'origin', endpoints: [{ lb_endpoints: [origin] }] },
        },
      ],
    },
  });
  const plane = createDataPlane({
    bootstrap: parseBootstrap(text),
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    metrics: new MetricsRegistry(),
    stopDrainMs: 0,
  });
  await plane.start();
  return Object.assign(plane, { [Symbol.asyncDispose]: () => plane.stop() });
}
