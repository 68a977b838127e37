import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { decode, encode, fromJson, type MessageName } from '@lateen/protos';
import { createRpcServer, insecureServer, RpcServices } from '@lateen/rpc';
import { silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import {
  createHttpOrigin,
  createTcpOrigin,
  createTemporaryFolder,
  createTestAuthority,
  type TestIdentity,
} from '@lateen/testing';
import {
  createXdsServer,
  ResourceEncoder,
  type ResourceSet,
  xdsTypes,
  type XdsServer,
  type XdsServerEvent,
} from '@lateen/xds';
import { afterEach, describe, expect, test } from 'vitest';
import {
  clusterTo,
  dial,
  listenerOf,
  loopback,
  readAll,
  readUntil,
  type RunningDataPlane,
  startDataPlane,
  tcpProxy,
  tlsSocket,
} from './data-plane.fixture.ts';

const names = {
  cluster: 'envoy.config.cluster.v3.Cluster',
  endpoint: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'envoy.config.listener.v3.Listener',
  route: 'envoy.config.route.v3.RouteConfiguration',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
} as const satisfies Record<string, MessageName>;

const encoder = new ResourceEncoder();
let revision = 0;

type Resources = Partial<Record<keyof typeof names, readonly object[]>>;

/** Resources in Envoy's JSON as a set to push. */
function setOf(resources: Resources): ResourceSet {
  const types = Object.entries(names).map(([kind, message]) => {
    const list = resources[kind as keyof typeof names] ?? [];
    const encoded = list.map((json) => {
      const body = decode(message, encode(message, fromJson(message, json)));
      const name = ('clusterName' in body ? body.clusterName : (body as { name?: string }).name) ?? '';
      return [name, encoder.encode(message, name, body)] as const;
    });
    return [xdsTypes[kind as keyof typeof names], new Map(encoded)] as const;
  });
  revision += 1;
  return { version: String(revision), types: new Map(types) };
}

interface ControlPlane extends AsyncDisposable {
  readonly socket: string;
  readonly xds: XdsServer;
  /** Pushes; resolves when every connection has it. */
  push(resources: Resources): Promise<void>;
  /** Pushes; resolves when a connection refuses some of it. */
  pushRefused(resources: Resources): Promise<void>;
}

/** A control plane of one proxy on a unix socket: ADS and SDS, as pilot and the agent are together. */
async function startControlPlane(first: Resources): Promise<ControlPlane> {
  const folder = createTemporaryFolder();
  const resources = new WatchValue<ResourceSet | undefined>(setOf(first));
  const listeners = new Set<(id: string, event: XdsServerEvent) => void>();
  const xds = createXdsServer({
    source: { connect: () => ({ resources, close() {} }) },
    clock: systemClock,
    logger: silentLogger,
    onEvent: (id, event) => {
      for (const listener of listeners) listener(id, event);
    },
  });
  const pushAndWait = (
    next: Resources,
    done: (id: string, event: XdsServerEvent, set: ResourceSet) => boolean,
  ): Promise<void> =>
    new Promise((resolve) => {
      const set = setOf(next);
      const listener = (id: string, event: XdsServerEvent): void => {
        if (!done(id, event, set)) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
      resources.set(set);
    });
  const services = new RpcServices(silentLogger);
  xds.addAds(services);
  xds.addSds(services);
  const socket = join(folder.path, 's');
  const server = createRpcServer({
    name: 'control plane',
    address: `unix:${socket}`,
    credentials: insecureServer(),
    services,
  });
  await server.start();
  return {
    socket,
    xds,
    push(next) {
      const missing = new Set(xds.connections().map(({ id }) => id));
      return pushAndWait(next, (id, event, set) => {
        if (event.kind === 'converged' && event.version === set.version) missing.delete(id);
        return missing.size === 0;
      });
    },
    pushRefused: (next) => pushAndWait(next, (_, event) => event.kind === 'nacked'),
    async [Symbol.asyncDispose]() {
      xds.close();
      await server.stop();
      folder[Symbol.dispose]();
    },
  };
}

const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
const grpc = (cluster: string, delta: boolean): object => ({
  api_type: delta ? 'DELTA_GRPC' : 'GRPC',
  transport_api_version: 'V3',
  grpc_services: [{ envoy_grpc: { cluster_name: cluster } }],
});
const sds = (name: string): object => ({
  name,
  sds_config: {
    api_config_source: grpc('xds-grpc', false),
    resource_api_version: 'V3',
    initial_fetch_timeout: '0s',
  },
});

/** A proxy on the bootstrap that the agent writes. */
function startProxy(control: ControlPlane, delta: boolean): Promise<RunningDataPlane> {
  const xds = {
    name: 'xds-grpc',
    type: 'STATIC',
    load_assignment: {
      cluster_name: 'xds-grpc',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: control.socket } } } }] }],
    },
  };
  return startDataPlane(
    { clusters: [xds] },
    {
      drainTimeMs: 300,
      bootstrap: {
        node: { id: 'sidecar~127.0.0.1~a.b~b.svc', cluster: 'a' },
        dynamic_resources: { ads_config: grpc('xds-grpc', delta), cds_config: ads, lds_config: ads },
      },
    },
  );
}

const edsCluster = (name: string, more: object = {}): object => ({
  name,
  type: 'EDS',
  eds_cluster_config: { eds_config: ads },
  connect_timeout: '1s',
  ...more,
});
const endpoints = (name: string, ...ports: number[]): object => ({
  cluster_name: name,
  endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: loopback(port) } })) }],
});
const rdsManager = (name: string): object => ({
  name: 'hcm',
  typed_config: {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'h',
    rds: { route_config_name: name, config_source: ads },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  },
});
const routeTo = (name: string, cluster: string): object => ({
  name,
  virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }],
});

async function get(port: number | undefined): Promise<string> {
  const socket = await dial(port);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  return readAll(socket);
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (let one = open.pop(); one; one = open.pop()) await one[Symbol.asyncDispose]();
});
function keep<T extends AsyncDisposable>(one: T): T {
  open.push(one);
  return one;
}

describe.each([
  ['state of the world', false],
  ['delta', true],
])('by ADS, %s', (_, delta) => {
  test('start ends when the first listeners serve; routes and endpoints change while it runs', async () => {
    const one = keep(await createHttpOrigin((_request, response) => void response.end('one')));
    const two = keep(await createHttpOrigin((_request, response) => void response.end('two')));
    const base: Resources = {
      cluster: [edsCluster('a'), edsCluster('b')],
      endpoint: [endpoints('a', one.port), endpoints('b', two.port)],
      listener: [listenerOf('web', [{ filters: [rdsManager('r')] }])],
      route: [routeTo('r', 'a')],
    };
    const control = keep(await startControlPlane(base));
    const proxy = keep(await startProxy(control, delta));
    const port = proxy.port('web');
    expect(await get(port)).toMatch(/one$/);
    await control.push({ ...base, route: [routeTo('r', 'b')] });
    expect(await get(port)).toMatch(/two$/);
    await control.push({
      ...base,
      endpoint: [endpoints('a', two.port), endpoints('b', one.port)],
      route: [routeTo('r', 'b')],
    });
    expect(await get(port)).toMatch(/one$/);
    expect(proxy.port('web')).toBe(port);
  });

  test('a resource that cannot be used is rejected by name and the last good one stays', async () => {
    const origin = keep(await createTcpOrigin({ greeting: 'here' }));
    const base: Resources = {
      cluster: [clusterTo('a', origin.port)],
      listener: [listenerOf('tcp', [{ filters: [tcpProxy('a')] }])],
    };
    const control = keep(await startControlPlane(base));
    const proxy = keep(await startProxy(control, delta));
    await control.pushRefused({
      ...base,
      cluster: [clusterTo('a', origin.port, { health_checks: [{ timeout: '1s' }] })],
    });
    expect(control.xds.nacks()[0]?.message).toMatch(/a[\s\S]*health_checks: is not supported/);
    const socket = await dial(proxy.port('tcp'));
    expect(await readUntil(socket, 'here')).toBe('here');
    socket.destroy();
  });

  test('a listener is updated in place: open connections stay, removed ones drain', async () => {
    const one = keep(
      await createTcpOrigin({ greeting: 'one', answer: (bytes, socket) => void socket.write(bytes) }),
    );
    const two = keep(await createTcpOrigin({ greeting: 'two' }));
    const cluster = [clusterTo('one', one.port), clusterTo('two', two.port)];
    const listener = (to: string): object[] => [listenerOf('tcp', [{ filters: [tcpProxy(to)] }])];
    const control = keep(await startControlPlane({ cluster, listener: listener('one') }));
    const proxy = keep(await startProxy(control, delta));
    const port = proxy.port('tcp');
    const old = await dial(port);
    expect(await readUntil(old, 'one')).toBe('one');
    await control.push({ cluster, listener: listener('two') });
    const fresh = await dial(port);
    expect(await readUntil(fresh, 'two')).toBe('two');
    old.write('still');
    expect(await readUntil(old, 'still')).toBe('still');
    await control.push({ cluster, listener: [] });
    await expect(dial(port)).rejects.toThrow(/ECONNREFUSED/);
    // The drain time of this proxy is short: what is left of a removed listener is cut then.
    await readAll(fresh.resume());
    for (const socket of [old, fresh]) socket.destroy();
  });
});

describe('secrets by SDS', () => {
  const nowMs = Date.now();
  const authority = createTestAuthority({ nowMs });
  const secretsOf = (identity: TestIdentity): object[] => [
    {
      name: 'default',
      tls_certificate: {
        certificate_chain: { inline_string: identity.certificateChain },
        private_key: { inline_string: identity.privateKey },
      },
    },
    { name: 'ROOTCA', validation_context: { trusted_ca: { inline_string: identity.trustBundle } } },
  ];
  const client = authority.issue('spiffe://cluster.local/ns/a/sa/client');
  const handshake = (port: number | undefined): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: port ?? 0,
        ca: authority.root,
        cert: client.certificateChain,
        key: client.privateKey,
        checkServerIdentity: () => undefined,
      });
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(socket));
    });
  const context = {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificate_sds_secret_configs: [sds('default')],
      combined_validation_context: {
        default_validation_context: { match_subject_alt_names: [{ prefix: 'spiffe://cluster.local/' }] },
        validation_context_sds_secret_config: sds('ROOTCA'),
      },
    },
  };

  test('a listener waits for them; a new one serves new handshakes and touches no open connection', async () => {
    const origin = keep(await createTcpOrigin({ answer: (bytes, socket) => void socket.write(bytes) }));
    const base: Resources = {
      cluster: [clusterTo('a', origin.port)],
      listener: [
        listenerOf('tls', [{ transport_socket: tlsSocket('Downstream', context), filters: [tcpProxy('a')] }]),
      ],
    };
    const first = authority.issue('spiffe://cluster.local/ns/a/sa/server');
    const second = authority.issue('spiffe://cluster.local/ns/a/sa/server');
    const control = keep(await startControlPlane({ ...base, secret: secretsOf(first) }));
    const proxy = keep(await startProxy(control, true));
    const shown = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.fingerprint256 ?? '';
    const old = await handshake(proxy.port('tls'));
    expect(shown(old)).toBe(new X509Certificate(first.certificateChain).fingerprint256);

    await control.push({ ...base, secret: secretsOf(second) });
    const fresh = await handshake(proxy.port('tls'));
    expect(shown(fresh)).toBe(new X509Certificate(second.certificateChain).fingerprint256);
    old.write('open');
    expect(await readUntil(old, 'open')).toBe('open');

    const broken = { ...second, privateKey: client.privateKey };
    await control.pushRefused({ ...base, secret: secretsOf(broken) });
    const after = await handshake(proxy.port('tls'));
    expect(shown(after)).toBe(new X509Certificate(second.certificateChain).fingerprint256);
    for (const socket of [old, fresh, after]) socket.destroy();
  });
});
