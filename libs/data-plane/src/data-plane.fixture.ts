import { connect, type Socket } from 'node:net';
import { MetricsRegistry, silentLogger, systemClock } from '@lateen/runtime';
import { parseBootstrap } from './bootstrap/bootstrap.ts';
import type { DnsResolver } from './cluster/dns.ts';
import { createDataPlane, type DataPlane } from './server.ts';

const types = 'type.googleapis.com/envoy.extensions';

/** A data plane that stops at the end of a test's scope. */
export interface RunningDataPlane extends DataPlane, AsyncDisposable {
  readonly metrics: MetricsRegistry;
}

/** Starts a data plane on static resources in Envoy's JSON; ports 0 are chosen by the system. */
export async function startDataPlane(
  staticResources: object,
  more: { readonly bootstrap?: object; readonly resolver?: DnsResolver; readonly drainTimeMs?: number } = {},
): Promise<RunningDataPlane> {
  const metrics = new MetricsRegistry();
  const bootstrap = parseBootstrap(JSON.stringify({ static_resources: staticResources, ...more.bootstrap }));
  const dataPlane = createDataPlane({
    bootstrap,
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    metrics,
    stopDrainMs: 50,
    ...(more.resolver ? { resolver: more.resolver } : {}),
    ...(more.drainTimeMs === undefined ? {} : { drainTimeMs: more.drainTimeMs }),
  });
  await dataPlane.start();
  return {
    name: dataPlane.name,
    metrics,
    start: () => dataPlane.start(),
    stop: () => dataPlane.stop(),
    validate: () => dataPlane.validate(),
    port: (name) => dataPlane.port(name),
    adminPort: dataPlane.adminPort,
    [Symbol.asyncDispose]: () => dataPlane.stop(),
  };
}

/** A loopback address of a port; 0: any. */
export const loopback = (port: number): object => ({
  socket_address: { address: '127.0.0.1', port_value: port },
});

/** A static cluster with one loopback endpoint. */
export function clusterTo(name: string, port: number, more: object = {}): object {
  return {
    name,
    connect_timeout: '2s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }],
    },
    ...more,
  };
}

/** A listener on any port. */
export function listenerOf(name: string, filterChains: readonly object[], more: object = {}): object {
  return { name, address: loopback(0), filter_chains: filterChains, ...more };
}

/** TCP proxy to a cluster. */
export function tcpProxy(cluster: string, more: object = {}): object {
  const typed_config = {
    '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 't',
    cluster,
    ...more,
  };
  return { name: 'envoy.filters.network.tcp_proxy', typed_config };
}

/** HTTP connection manager that sends everything to a cluster. */
export function httpManager(cluster: string): object {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'h',
      route_config: {
        virtual_hosts: [
          { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] },
        ],
      },
      http_filters: [{ name: 'router', typed_config: { '@type': `${types}.filters.http.router.v3.Router` } }],
    },
  };
}

/** Listener filter that reads SNI and ALPN. */
export const tlsInspector = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: { '@type': `${types}.filters.listener.tls_inspector.v3.TlsInspector` },
};

/** Listener filter that tells HTTP from other bytes. */
export const httpInspector = {
  name: 'envoy.filters.listener.http_inspector',
  typed_config: { '@type': `${types}.filters.listener.http_inspector.v3.HttpInspector` },
};

/** TLS transport of a chain or a cluster. */
export function tlsSocket(side: 'Downstream' | 'Upstream', context: object): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': `${types}.transport_sockets.tls.v3.${side}TlsContext`, ...context },
  };
}

/** Connects to a loopback port. */
export function dial(port: number | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: port ?? 0, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => {}); // what a test waits for says more than a stray reset
      resolve(socket);
    });
  });
}

/** Everything until the other side ends (or resets). */
export function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.once('end', () => resolve(text));
    socket.once('close', () => resolve(text));
  });
}

/** Bytes until they hold `wanted`. */
export function readUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.includes(wanted)) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
}
