import { connect, createServer, type Server, type Socket } from 'node:net';
import { type AddressInfo } from 'node:net';
import {
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilterConfig,
  fromJson,
  packAny,
} from '@lateen/protos';
import { compileRouteTable } from '@lateen/routing-engine';
import { MetricsRegistry, silentLogger, systemClock } from '@lateen/runtime';
import { ConnectFailure, type UpstreamCluster, type UpstreamHost } from '../cluster/cluster.ts';
import type { ConnectionInfo, TlsPeer } from '../connection.ts';
import type { Surroundings } from '../network-filters/surroundings.ts';
import { createHttpConnectionManager, decodeRouteFilterConfig } from './index.ts';

type Json = Readonly<Record<string, unknown>>;

/** Listens on a free loopback port. */
export function listen(serve: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  return new Promise((resolve) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {}); // tests cut connections on purpose
      serve(socket);
    });
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, server }));
  });
}

/** A cluster of fixed loopback ports, round robin. */
export function fixedCluster(name: string, ports: readonly number[], limits: Json = {}): UpstreamCluster {
  const hosts = ports.map(
    (port): UpstreamHost => ({
      endpoint: { address: '127.0.0.1', port },
      label: `127.0.0.1:${port}`,
      hostname: 'origin.test',
      metadata: undefined,
      weight: 1,
      activeRequests: 0,
    }),
  );
  let turn = 0;
  return {
    name,
    config: {},
    connectTimeoutMs: 1000,
    breakers: {
      maxConnections: 1024,
      maxPendingRequests: 1024,
      maxRequests: 1024,
      maxRetries: 3,
      ...limits,
      connections: 0,
      pendingRequests: 0,
      requests: 0,
      retries: 0,
    },
    idleTimeoutMs: undefined,
    maxRequestsPerConnection: 0,
    closed: new AbortController().signal,
    report() {},
    chooseHost({ avoid }) {
      const left = hosts.filter((host) => !avoid?.has(host));
      const from = left.length > 0 ? left : hosts;
      return from[turn++ % from.length];
    },
    connect: (host) =>
      new Promise((resolve, reject) => {
        const socket = connect(host.endpoint.port, '127.0.0.1');
        socket.once('error', (error) => reject(new ConnectFailure('refused', error.message, error)));
        socket.once('connect', () => {
          socket.pause();
          resolve({ socket, host, applicationProtocol: '', localAddress: `127.0.0.1:${socket.localPort}` });
        });
      }),
  };
}

/** What a test proxy is made of: connection manager and routes in proto JSON. */
export interface ProxyFixtureOptions {
  readonly clusters: readonly UpstreamCluster[];
  readonly virtualHosts?: readonly Json[];
  readonly manager?: Json;
  /** HTTP filters before the router, as `[name, message, config]`. */
  readonly filters?: readonly (readonly [name: string, message: string, config: Json])[];
  /** The same, packed already. */
  readonly packedFilters?: readonly HttpFilterConfig[];
  readonly peer?: TlsPeer;
  readonly rpc?: Surroundings['rpc'];
}

/** A connection manager behind a real socket. */
export interface ProxyFixture {
  readonly port: number;
  readonly log: string[];
  readonly metrics: MetricsRegistry;
  readonly clusters: ReadonlyMap<string, UpstreamCluster>;
  drain(): void;
  close(): void;
}

const forwardAll = [
  { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'origin' } }] },
];

/** Starts a connection manager on a free port, with an access log that is kept. */
export async function startProxy(options: ProxyFixtureOptions): Promise<ProxyFixture> {
  const log: string[] = [];
  const metrics = new MetricsRegistry();
  const clusters = new Map(options.clusters.map((cluster) => [cluster.name, cluster]));
  const surroundings: Surroundings = {
    clusters,
    routes: () => ({ current: undefined, subscribe: () => () => {} }),
    compileRoutes: (config) => compileRouteTable(config, { decodeFilterConfig: decodeRouteFilterConfig }),
    clock: systemClock,
    random: Math.random,
    metrics,
    logger: silentLogger,
    node: { id: 'test', cluster: 'test', metadata: {} },
    accessLog: () => ({ write: (line) => void log.push(line) }),
    rpc: options.rpc ?? (() => undefined),
  };
  const config = fromJson(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      statPrefix: 'test',
      routeConfig: { name: 'routes', virtualHosts: options.virtualHosts ?? forwardAll },
      ...options.manager,
    },
  );
  const packed = (options.filters ?? []).map(([name, message, filter]) => ({
    name,
    typedConfig: packAny(
      message as 'envoy.extensions.filters.http.cors.v3.Cors',
      fromJson(message as 'envoy.extensions.filters.http.cors.v3.Cors', filter),
    ),
  }));
  const router = {
    name: 'router',
    typedConfig: packAny('envoy.extensions.filters.http.router.v3.Router', {}),
  };
  const fileLog = packAny('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path: '/test',
    logFormat: {
      textFormat:
        '%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT%',
    },
  });
  const manager = createHttpConnectionManager(
    {
      ...config,
      httpFilters: [...packed, ...(options.packedFilters ?? []), router],
      accessLog: [{ name: 'test', typedConfig: fileLog }],
    },
    surroundings,
  );
  const draining = new AbortController();
  const sockets = new Set<Socket>();
  let id = 0;
  const { port, server } = await listen((socket) => {
    sockets.add(socket);
    socket.pause();
    const info: ConnectionInfo = {
      id: ++id,
      listener: 'test',
      filterChain: '',
      transport: options.peer ? 'tls' : 'raw_buffer',
      local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
      remote: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      serverName: '',
      applicationProtocol: '',
      ownUris: options.peer ? ['spiffe://cluster.local/ns/default/sa/own'] : [],
      peer: options.peer,
      startedAt: systemClock.now(),
    };
    manager.serve({ info, socket, draining: draining.signal });
  });
  return {
    port,
    log,
    metrics,
    clusters,
    drain: () => draining.abort(),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Sends bytes and collects what comes back until the connection closes or `done` says enough. */
export function exchange(
  port: number,
  bytes: string,
  done: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const timer = setTimeout(() => finish(), 5000);
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (done(text)) finish();
    });
    socket.on('close', finish);
    socket.on('error', (error) => (text === '' && !/RESET/.test(error.message) ? reject(error) : finish()));
  });
}
