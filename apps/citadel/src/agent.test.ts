import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Agent, createAgent, createWorkloadIdentity } from '@lateen/agent';
import { componentAccounts, componentId, rootNamespace } from '@lateen/identity';
import {
  createRpcServer,
  insecureChannel,
  methods,
  RpcClient,
  RpcServices,
  serverCredentials,
} from '@lateen/rpc';
import { type Component, silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { createHttpOrigin, createTemporaryFolder, type TemporaryFolder } from '@lateen/testing';
import {
  type AdsClient,
  createAdsClient,
  createSdsClient,
  createXdsServer,
  ResourceEncoder,
  type ResourceSet,
  type XdsServer,
  xdsTypes,
} from '@lateen/xds';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Citadel, createCitadel, readSettings } from './index.ts';

const cluster = 'envoy.config.cluster.v3.Cluster';
const secret = 'envoy.extensions.transport_sockets.tls.v3.Secret';
const ports = { clock: systemClock, random: () => 0.5, logger: silentLogger };

let folder: TemporaryFolder;
let citadel: Citadel;
const stops: (() => Promise<void> | void)[] = [];

async function started<C extends Component>(component: C): Promise<C> {
  stops.push(() => component.stop());
  await component.start();
  return component;
}

beforeEach(async () => {
  folder = createTemporaryFolder();
  const settings = readSettings({
    CITADEL_ADDRESS: '127.0.0.1:0',
    CITADEL_ADMIN_ADDRESS: '127.0.0.1:0',
    LATEEN_STATE_DIR: join(folder.path, 'state'),
  });
  citadel = await started(createCitadel(settings, ports));
});

afterEach(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  folder[Symbol.dispose]();
});

/** A pilot as far as the agent sees one: ADS over mutual TLS, under a certificate of the same citadel. */
async function startPilot(
  resources: WatchValue<ResourceSet | undefined>,
  component: 'pilot' | 'mixer' = 'pilot',
) {
  const principal = componentId(component, 'cluster.local');
  const own = await started(
    createWorkloadIdentity({
      ...ports,
      citadelAddress: `127.0.0.1:${citadel.port}`,
      joinToken: () => citadel.issueJoinToken(rootNamespace, componentAccounts[component], 60_000),
      principal,
      trustDomain: 'cluster.local',
    }),
  );
  const services = new RpcServices(silentLogger);
  const callers: string[] = [];
  const xds: XdsServer = createXdsServer({
    clock: systemClock,
    logger: silentLogger,
    source: {
      connect({ caller }) {
        callers.push(...caller.principals);
        return { resources, close() {} };
      },
    },
  });
  xds.addAds(services);
  const start = async (address: string) => {
    const credentials = serverCredentials(own.identity, { clientCertificate: 'required' });
    return started(createRpcServer({ name: 'pilot', address, credentials, services, drainTimeoutMs: 20 }));
  };
  return { callers, xds, start };
}

function agentFor(pilotPort: number, change: { adminPort?: number; certificateTtlMs?: number } = {}): Agent {
  return createAgent(
    {
      citadelAddress: `127.0.0.1:${citadel.port}`,
      pilotAddress: `127.0.0.1:${pilotPort}`,
      trustDomain: 'cluster.local',
      node: {
        role: 'sidecar',
        name: 'reviews-v1',
        namespace: 'default',
        serviceAccount: 'reviews',
        workloadName: 'reviews-v1',
        labels: { app: 'reviews' },
        instanceIps: ['127.0.0.1'],
      },
      joinToken: () => citadel.issueJoinToken('default', 'reviews', 60_000),
      folder: join(folder.path, 'agent'),
      adminPort: change.adminPort ?? 1,
      statusPort: 0,
      startTimeoutMs: 5000,
      ...(change.certificateTtlMs === undefined ? {} : { certificateTtlMs: change.certificateTtlMs }),
    },
    ports,
  );
}

const encoder = new ResourceEncoder();
function clusters(version: string, ...names: string[]): ResourceSet {
  const resources = new Map(names.map((name) => [name, encoder.encode(cluster, name, { name })]));
  return { version, types: new Map([[xdsTypes.cluster, resources]]) };
}

/** A proxy's ADS client on the agent's socket; `names` follows the clusters it has. */
function follow(agent: Agent): { ads: AdsClient; names: WatchValue<ReadonlySet<string>> } {
  const client = new RpcClient(`unix:${agent.adsSocket}`, insecureChannel());
  const names = new WatchValue<ReadonlySet<string>>(new Set());
  const ads = createAdsClient({
    ...ports,
    client,
    node: { id: 'sidecar~127.0.0.1~reviews-v1.default~default.svc.cluster.local' },
    mode: 'delta',
    backoff: { baseMs: 20, maxMs: 50 },
  });
  ads.subscribe(
    cluster,
    (update) => {
      const next = new Set(names.current);
      for (const { name } of update.updated) next.add(name);
      for (const name of update.removed) next.delete(name);
      names.set(next);
      return [];
    },
    '*',
  );
  ads.start();
  stops.push(() => {
    ads.stop();
    client.close();
  });
  return { ads, names };
}

test("the proxy gets its configuration through the agent, under the workload's certificate", async () => {
  const resources = new WatchValue<ResourceSet | undefined>(clusters('1', 'a'));
  const pilot = await startPilot(resources);
  const server = await pilot.start('127.0.0.1:0');
  const agent = await started(agentFor(server.port));
  const { names } = follow(agent);
  await names.until((now) => now.has('a'));
  expect(pilot.callers).toEqual(['spiffe://cluster.local/ns/default/sa/reviews']);
  resources.set(clusters('2', 'a', 'b'));
  await names.until((now) => now.has('b'));
});

test('the stream to pilot stays open while certificates rotate', async () => {
  const resources = new WatchValue<ResourceSet | undefined>(clusters('1', 'a'));
  const pilot = await startPilot(resources);
  const server = await pilot.start('127.0.0.1:0');
  const agent = await started(agentFor(server.port, { certificateTtlMs: 2000 }));
  const { names } = follow(agent);
  await names.until((now) => now.has('a'));
  const [before] = pilot.xds.connections();
  const first = agent.workload.identity.current;
  const second = await agent.workload.identity.until((now) => now !== first);
  await agent.workload.identity.until((now) => now !== second);
  resources.set(clusters('2', 'b'));
  await names.until((now) => now.has('b'));
  expect(pilot.xds.connections().map(({ id }) => id)).toEqual([before?.id]);
});

test('pilot goes and comes back: the proxy keeps what it has and finds it again', async () => {
  const resources = new WatchValue<ResourceSet | undefined>(clusters('1', 'a'));
  const pilot = await startPilot(resources);
  const server = await pilot.start('127.0.0.1:0');
  const agent = await started(agentFor(server.port));
  const { ads, names } = follow(agent);
  await names.until((now) => now.has('a'));
  await server.stop();
  await ads.connected.until((connected) => !connected);
  expect([...names.current]).toEqual(['a']);
  resources.set(clusters('2', 'a', 'c'));
  await pilot.start(`127.0.0.1:${server.port}`);
  await names.until((now) => now.has('c'));
});

test('a server that is not pilot configures nobody', async () => {
  const impostor = await startPilot(new WatchValue<ResourceSet | undefined>(clusters('1', 'evil')), 'mixer');
  const server = await impostor.start('127.0.0.1:0');
  const agent = await started(agentFor(server.port));
  const client = new RpcClient(`unix:${agent.adsSocket}`, insecureChannel());
  stops.push(() => client.close());
  const stream = client.stream(methods.deltaAggregatedResources);
  stream.send({ typeUrl: xdsTypes.cluster });
  const first = stream.responses[Symbol.asyncIterator]().next();
  await expect(first).rejects.toThrow(/istio-mixer-service-account, expected .*istio-pilot-service-account/);
  expect(impostor.callers).toEqual([]);
});

test('secrets follow the rotation on the socket', async () => {
  const agent = await started(agentFor(1, { certificateTtlMs: 2000 }));
  const client = new RpcClient(`unix:${agent.sdsSocket}`, insecureChannel());
  const keys = new WatchValue<readonly string[]>([]);
  const sds = createSdsClient({ ...ports, client, node: { id: 'x' }, mode: 'sotw' });
  sds.subscribe(
    secret,
    ({ updated }) => {
      const key = updated.find(({ name }) => name === 'default')?.message.tlsCertificate?.privateKey
        ?.inlineBytes;
      if (key) keys.set([...keys.current, Buffer.from(key).toString()]);
      return [];
    },
    ['default', 'ROOTCA'],
  );
  sds.start();
  stops.push(() => {
    sds.stop();
    client.close();
  });
  const [first, second] = await keys.until((now) => now.length >= 2);
  expect(first).not.toBe(second);
});

test("the folder is the owner's alone, and holds no key", async () => {
  const agent = await started(agentFor(1));
  expect(statSync(join(folder.path, 'agent')).mode & 0o777).toBe(0o700);
  expect(JSON.parse(readFileSync(agent.bootstrapFile, 'utf8'))).toEqual(agent.bootstrap);
  expect(readFileSync(agent.bootstrapFile, 'utf8')).not.toContain('PRIVATE KEY');
});

test('ready when certificate and proxy are', async () => {
  let status = 503;
  const admin = await createHttpOrigin((_request, response) => void response.writeHead(status).end());
  stops.push(async () => admin[Symbol.asyncDispose]());
  const agent = await started(agentFor(1, { adminPort: admin.port }));
  const ask = () => fetch(`http://127.0.0.1:${agent.statusPort}/healthz/ready`);
  const waiting = await ask();
  expect([waiting.status, await waiting.text()]).toEqual([503, 'the proxy is not ready\n']);
  status = 200;
  expect((await ask()).status).toBe(200);
});

test('an agent starts again beside the sockets of one that was killed', async () => {
  const killed = agentFor(1);
  await started(killed);
  await started(agentFor(1));
  expect(statSync(killed.sdsSocket).isSocket()).toBe(true);
});
