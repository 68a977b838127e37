import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { envoy_config_core_v3_Node } from '@lateen/protos';
import {
  createRpcServer,
  insecureChannel,
  insecureServer,
  RpcClient,
  RpcError,
  RpcServices,
  methods,
  rpcStatus,
} from '@lateen/rpc';
import { silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AdsClient,
  createAdsClient,
  createSdsClient,
  createXdsServer,
  ResourceEncoder,
  type ResourceSet,
  type ResourceSource,
  xdsTypes,
  type XdsServer,
} from './index.ts';

const clusterName = 'envoy.config.cluster.v3.Cluster';
const endpointName = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
const routeName = 'envoy.config.route.v3.RouteConfiguration';
const listenerName = 'envoy.config.listener.v3.Listener';
const secretName = 'envoy.extensions.transport_sockets.tls.v3.Secret';
const encoder = new ResourceEncoder();

/** Clusters with their alternative stat name, endpoints of each, one listener, one route to the first cluster. */
function setOf(version: string, clusters: Record<string, string>): ResourceSet {
  const names = Object.keys(clusters);
  const route = { name: 'r', virtualHosts: [{ name: names[0] ?? '' }] };
  return {
    version,
    types: new Map([
      [
        xdsTypes.cluster,
        new Map(
          names.map((name) => [
            name,
            encoder.encode(clusterName, name, { name, altStatName: clusters[name] ?? '' }),
          ]),
        ),
      ],
      [
        xdsTypes.endpoint,
        new Map(names.map((name) => [name, encoder.encode(endpointName, name, { clusterName: name })])),
      ],
      [xdsTypes.listener, new Map([['l', encoder.encode(listenerName, 'l', { name: 'l' })]])],
      [xdsTypes.route, new Map([['r', encoder.encode(routeName, 'r', route)]])],
    ]),
  };
}

let folder: string;
const stops: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-xds-'));
});
afterEach(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  rmSync(folder, { recursive: true });
});

async function serve(source: ResourceSource): Promise<{ xds: XdsServer; stop: () => Promise<void> }> {
  const services = new RpcServices(silentLogger);
  const xds = createXdsServer({ source, clock: systemClock, logger: silentLogger, stepTimeoutMs: 2000 });
  xds.addAds(services);
  xds.addSds(services);
  const address = `unix:${join(folder, 'socket')}`;
  const server = createRpcServer({ name: 'xds', address, credentials: insecureServer(), services });
  await server.start();
  const stop = async (): Promise<void> => {
    xds.close();
    await server.stop();
  };
  stops.push(stop);
  return { xds, stop };
}

function clientOptions(mode: 'sotw' | 'delta') {
  const client = new RpcClient(`unix:${join(folder, 'socket')}`, insecureChannel(), {
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 50,
  });
  stops.push(() => client.close());
  const node = { id: 'sidecar~1.2.3.4~a.b~b.svc.cluster.local' };
  const backoff = { baseMs: 10, maxMs: 50 };
  return { client, node, mode, clock: systemClock, random: Math.random, logger: silentLogger, backoff };
}

/** A client that does as a data plane does, and writes down what it got. */
function follow(ads: AdsClient, refuse: (name: string) => boolean = () => false) {
  const seen: string[] = [];
  const note = (
    type: string,
    update: { updated: readonly { name: string }[]; removed: readonly string[] },
  ) => {
    for (const { name } of update.updated) seen.push(`${type} ${name}`);
    for (const name of update.removed) seen.push(`${type} -${name}`);
    return update.updated
      .filter(({ name }) => refuse(name))
      .map(({ name }) => ({ name, reason: 'refused here' }));
  };
  const clusters = new Set<string>();
  ads.subscribe(
    clusterName,
    (update) => {
      for (const { name } of update.updated) clusters.add(name);
      for (const name of update.removed) clusters.delete(name);
      ads.setNames(endpointName, clusters);
      return note('cds', update);
    },
    '*',
  );
  ads.subscribe(endpointName, (update) => note('eds', update));
  ads.subscribe(
    listenerName,
    (update) => {
      ads.setNames(routeName, ['r']);
      return note('lds', update);
    },
    '*',
  );
  ads.subscribe(routeName, (update) => note('rds', update));
  stops.push(() => ads.stop());
  ads.start();
  return seen;
}

describe.each(['sotw', 'delta'] as const)('server and client over gRPC, %s', (mode) => {
  test('first delivery, make before break, and the ledger', async () => {
    const resources = new WatchValue<ResourceSet | undefined>(undefined);
    const peers: envoy_config_core_v3_Node[] = [];
    let closed = 0;
    const { xds } = await serve({
      connect: (peer) => {
        peers.push(peer.node);
        return { resources, close: () => void (closed += 1) };
      },
    });
    const ads = createAdsClient(clientOptions(mode));
    const seen = follow(ads);
    await expect.poll(() => xds.connections().length).toBe(1);
    expect(seen).toEqual([]);

    resources.set(setOf('1', { a: '1' }));
    await expect.poll(() => xds.connections()[0]?.acked).toBe('1');
    expect(seen.splice(0)).toEqual(['cds a', 'eds a', 'lds l', 'rds r']);
    expect(peers).toEqual([expect.objectContaining({ id: 'sidecar~1.2.3.4~a.b~b.svc.cluster.local' })]);

    resources.set(setOf('2', { b: '1', c: '1' }));
    await expect.poll(() => xds.connections()[0]?.acked).toBe('2');
    expect(seen.splice(0)).toEqual(['cds b', 'cds c', 'eds b', 'eds c', 'rds r', 'cds -a']);
    expect(ads.connected.current).toBe(true);
    expect(xds.connections()[0]?.types.map(({ resources: count }) => count)).toEqual([2, 2, 1, 1]);

    ads.stop();
    await expect.poll(() => closed).toBe(1);
    expect(xds.connections()).toEqual([]);
  });

  test('a refused cluster is in the ledger with its reason, the rest applies', async () => {
    const resources = new WatchValue<ResourceSet | undefined>(setOf('1', { a: '1' }));
    const { xds } = await serve({ connect: () => ({ resources, close() {} }) });
    const ads = createAdsClient(clientOptions(mode));
    follow(ads, (name) => name === 'bad');
    await expect.poll(() => xds.connections()[0]?.acked).toBe('1');
    resources.set(setOf('2', { a: '2', bad: '1' }));
    await expect.poll(() => xds.connections()[0]?.types[0]?.nack?.message).toBe('bad: refused here');
    expect([...(ads.status()[0]?.resources.keys() ?? [])]).toEqual(['a']);
    expect(xds.connections()[0]?.acked).toBe('1');
    resources.set(setOf('3', { a: '2' }));
    await expect.poll(() => xds.connections()[0]?.acked).toBe('3');
    expect(xds.connections()[0]?.types[0]?.nack).toBeUndefined();
  });

  test('a new stream resumes: nothing that is known already is handed over again', async () => {
    const resources = new WatchValue<ResourceSet | undefined>(setOf('1', { a: '1' }));
    const source = { connect: () => ({ resources, close() {} }) };
    const first = await serve(source);
    const ads = createAdsClient(clientOptions(mode));
    const seen = follow(ads);
    await expect.poll(() => first.xds.connections()[0]?.acked).toBe('1');
    seen.splice(0);
    await first.stop();
    await expect.poll(() => ads.connected.current).toBe(false);
    resources.set(setOf('2', { a: '1', b: '1' }));
    const second = await serve(source);
    await expect.poll(() => second.xds.connections()[0]?.acked).toBe('2');
    expect(seen).toEqual(['cds b', 'eds b']);
  });

  test('secrets by their own stream', async () => {
    const secret = (name: string, text: string) =>
      encoder.encode(secretName, name, { name, genericSecret: { secret: { inlineString: text } } });
    const resources = new WatchValue<ResourceSet | undefined>({
      version: '1',
      types: new Map([[xdsTypes.secret, new Map([['default', secret('default', 'one')]])]]),
    });
    await serve({ connect: () => ({ resources, close() {} }) });
    const sds = createSdsClient(clientOptions(mode));
    stops.push(() => sds.stop());
    const seen: (string | undefined)[] = [];
    sds.subscribe(secretName, (update) => {
      seen.push(...update.updated.map(({ message }) => message.genericSecret?.secret?.inlineString));
      return [];
    });
    sds.start();
    sds.setNames(secretName, ['default']);
    await expect.poll(() => seen).toEqual(['one']);
    resources.set({
      version: '2',
      types: new Map([[xdsTypes.secret, new Map([['default', secret('default', 'two')]])]]),
    });
    await expect.poll(() => seen).toEqual(['one', 'two']);
  });
});

test('a source may refuse a client, and a secret service refuses other types', async () => {
  await serve({
    connect() {
      throw new RpcError(rpcStatus.PERMISSION_DENIED, 'not you');
    },
  });
  const { client } = clientOptions('sotw');
  const stream = client.stream(methods.streamAggregatedResources);
  stream.send({ typeUrl: xdsTypes.cluster });
  await expect(stream.responses[Symbol.asyncIterator]().next()).rejects.toThrow('not you');
  const secrets = client.stream(methods.streamSecrets);
  secrets.send({ typeUrl: xdsTypes.cluster });
  await expect(secrets.responses[Symbol.asyncIterator]().next()).rejects.toThrow(
    /this service has .*Secret alone/,
  );
});

test('a stream that asks for ever more types is ended', async () => {
  const resources = new WatchValue<ResourceSet | undefined>(undefined);
  await serve({ connect: () => ({ resources, close() {} }) });
  const { client } = clientOptions('sotw');
  const stream = client.stream(methods.streamAggregatedResources);
  for (let index = 0; index < 40; index += 1)
    stream.send({ typeUrl: `type.googleapis.com/some.Type${index}` });
  await expect(stream.responses[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    status: rpcStatus.RESOURCE_EXHAUSTED,
  });
});

test('secrets can be fetched by a unary call', async () => {
  const found = encoder.encode(secretName, 'default', { name: 'default' });
  const resources = new WatchValue<ResourceSet | undefined>({
    version: '1',
    types: new Map([[xdsTypes.secret, new Map([['default', found]])]]),
  });
  await serve({ connect: () => ({ resources, close() {} }) });
  const { client } = clientOptions('sotw');
  const response = await client.unary(
    methods.fetchSecrets,
    { resourceNames: ['default', 'nobody'] },
    { timeoutMs: 2000 },
  );
  expect(response.resources?.map(({ type_url }) => type_url)).toEqual([xdsTypes.secret]);
});
