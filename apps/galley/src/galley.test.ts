import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryBus, type RolloutStatus, subjects } from '@lateen/bus';
import { componentId } from '@lateen/identity';
import { KubeClient, KubeError, type ResourceType, type WatchEvent } from '@lateen/kube';
import { type ConfigSnapshot, createMcpSink, type McpSink } from '@lateen/mcp';
import { channelCredentials, methods, RpcClient, type TlsIdentity } from '@lateen/rpc';
import { silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { createTestAuthority } from '@lateen/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { collections } from './distribution/mcp-snapshot.ts';
import { createEmbeddedStore, createGalley, type Galley, type GalleyPorts } from './index.ts';

const clock = systemClock;
const random = Math.random;
const authority = createTestAuthority({ nowMs: Date.now() });
const identityOf = (id: string) => new WatchValue<TlsIdentity | undefined>(authority.issue(id));
const virtualServices: ResourceType = {
  apiVersion: 'networking.istio.io/v1',
  plural: 'virtualservices',
  namespaced: true,
};

let folder: string;
let galley: Galley;
let bus: GalleyPorts['bus'];
let token: string;
let client: KubeClient;

async function startGalley(): Promise<void> {
  bus = createMemoryBus({ clock, logger: silentLogger });
  galley = createGalley(
    {
      mcpAddress: { host: '127.0.0.1', port: 0 },
      apiAddress: { host: '127.0.0.1', port: 0 },
      apiHosts: [],
      configDirs: [],
      stateDir: folder,
      trustDomain: 'cluster.local',
    },
    {
      bus,
      store: createEmbeddedStore(folder),
      identity: identityOf(componentId('galley', 'cluster.local')),
      clock,
      logger: silentLogger,
    },
  );
  await galley.start();
  token = (await readFile(join(folder, 'admin-token'), 'utf8')).trim();
  client = new KubeClient({ baseUrl: `http://127.0.0.1:${galley.apiPort}`, token, clock, random });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lateen-galley-'));
  await startGalley();
});
afterAll(async () => {
  await galley.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A raw call, for what the client hides. */
async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${galley.apiPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  let json: Record<string, unknown> = {};
  if ((response.headers.get('content-type') ?? '').includes('json')) json = JSON.parse(text) as typeof json;
  return { status: response.status, json, text, headers: response.headers };
}

const virtualService = (name: string, host: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, namespace: 'default', labels },
  spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host } }] }] },
});
const yaml = (name: string, host = 'reviews') =>
  `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}}
spec: {hosts: [reviews], http: [{route: [{destination: {host: ${host}}}]}]}
---
`;
const path = '/apis/networking.istio.io/v1/namespaces/default/virtualservices';

describe('objects', () => {
  beforeEach(() => call('DELETE', path));

  test('are created once, read in every version, replaced by resourceVersion, and deleted', async () => {
    const created = await call('POST', path, virtualService('a', 'v1'));
    expect(created.status).toBe(201);
    expect(created.json.metadata).toMatchObject({ name: 'a', generation: 1, uid: expect.any(String) });
    expect((await call('POST', path, virtualService('a', 'v1'))).json).toMatchObject({
      kind: 'Status',
      reason: 'AlreadyExists',
      code: 409,
    });
    const old = await call('GET', '/apis/networking.istio.io/v1alpha3/namespaces/default/virtualservices/a');
    expect(old.json).toMatchObject({
      apiVersion: 'networking.istio.io/v1alpha3',
      spec: { hosts: ['reviews'] },
    });

    const metadata = created.json.metadata as { resourceVersion: string };
    const changed = {
      ...virtualService('a', 'v2'),
      metadata: { name: 'a', resourceVersion: metadata.resourceVersion },
    };
    const replaced = await call('PUT', `${path}/a`, changed);
    expect(replaced.json.metadata).toMatchObject({ generation: 2 });
    expect((await call('PUT', `${path}/a`, changed)).json).toMatchObject({ reason: 'Conflict', code: 409 });
    expect((await call('PUT', `${path}/b`, virtualService('b', 'v1'))).json).toMatchObject({
      reason: 'NotFound',
    });

    const deleted = await call('DELETE', `${path}/a`);
    expect(deleted.json).toMatchObject({
      status: 'Success',
      metadata: { resourceVersion: String(galley.revision) },
    });
    expect((await call('GET', `${path}/a`)).json).toMatchObject({
      reason: 'NotFound',
      message: 'virtualservices.networking.istio.io "a" not found',
    });
  });

  test('are patched by merging; a write that changes nothing keeps the revision', async () => {
    await call('POST', path, virtualService('a', 'v1', { team: 'x' }));
    const patch = { metadata: { labels: { team: null, tier: 'y' } } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    const patched = await call('PATCH', `${path}/a`, patch, headers);
    expect(patched.json.metadata).toMatchObject({ labels: { tier: 'y' }, generation: 1 });
    const { revision } = galley;
    await call('PATCH', `${path}/a`, patch, headers);
    expect(galley.revision).toBe(revision);
    const operations = [{ op: 'add', path: '/metadata/labels/team', value: 'z' }];
    const json = { 'content-type': 'application/json-patch+json' };
    expect((await call('PATCH', `${path}/a`, operations, json)).json.metadata).toMatchObject({
      labels: { team: 'z' },
    });
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    expect((await call('PATCH', `${path}/a`, patch, strategic)).status).toBe(415);
  });

  test('are listed by labels and fields, with the revision of the list', async () => {
    await call('POST', path, virtualService('a', 'v1', { team: 'x' }));
    await call('POST', path, virtualService('b', 'v1', { team: 'y' }));
    const names = async (query: string) =>
      ((await call('GET', `${path}?${query}`)).json.items as { metadata: { name: string } }[]).map(
        (item) => item.metadata.name,
      );
    expect(await names('')).toEqual(['a', 'b']);
    expect(await names('labelSelector=team%3Dx')).toEqual(['a']);
    expect(await names('labelSelector=team+in+(y,z)')).toEqual(['b']);
    expect(await names('fieldSelector=metadata.name%3Db')).toEqual(['b']);
    expect((await call('GET', path)).json.metadata).toEqual({ resourceVersion: String(galley.revision) });
    expect((await call('GET', `${path}?fieldSelector=spec.x%3Db`)).json).toMatchObject({
      reason: 'BadRequest',
    });
  });

  test('that are invalid are refused with every field, and a dry run stores nothing', async () => {
    const { revision } = galley;
    const broken = { ...virtualService('Bad_Name', 'v1'), spec: { hosts: [], htp: [] } };
    const refused = await call('POST', path, broken);
    expect(refused.json).toMatchObject({ reason: 'Invalid', code: 422 });
    const { causes } = refused.json.details as { causes: { field: string }[] };
    expect(causes.map((cause) => cause.field)).toEqual(expect.arrayContaining(['metadata.name', 'spec.htp']));
    expect((await call('POST', `${path}?dryRun=All`, virtualService('dry', 'v1'))).status).toBe(201);
    expect((await call('POST', path, '{"broken"')).json).toMatchObject({ reason: 'BadRequest' });
    expect((await call('POST', path, { ...virtualService('x', 'v1'), kind: 'Gateway' })).status).toBe(400);
    expect(
      (
        await call(
          'POST',
          '/apis/networking.istio.io/v1/namespaces/other/virtualservices',
          virtualService('x', 'v1'),
        )
      ).status,
    ).toBe(400);
    expect(galley.revision).toBe(revision);
  });
});

describe('watches', () => {
  test('begin with what is there, then follow, an object that leaves the selection is deleted from it', async () => {
    await client.apply([{ file: 'a.yaml', documents: yaml('watched') }]);
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${galley.apiPort}${path}?watch=1&labelSelector=team%3Dx`, {
      headers: { authorization: `Bearer ${token}` },
      signal: abort.signal,
    });
    const seen: string[] = [];
    const done = (async () => {
      let rest = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        rest += chunk;
        const lines = rest.split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          const event = JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
          seen.push(`${event.type} ${event.object.metadata.name}`);
          if (seen.length === 3) return;
        }
      }
    })();
    await call('POST', path, virtualService('other', 'v1', { team: 'y' }));
    await call('POST', path, virtualService('mine', 'v1', { team: 'x' }));
    await call('PUT', `${path}/mine`, virtualService('mine', 'v2', { team: 'x' }));
    await call('PUT', `${path}/mine`, virtualService('mine', 'v2', { team: 'y' }));
    await done;
    abort.abort();
    expect(seen).toEqual(['ADDED mine', 'MODIFIED mine', 'DELETED mine']);
  });

  test('resume after a revision, and end with 410 past the history', async () => {
    const { resourceVersion } = await client.list(virtualServices, 'default');
    await client.apply([{ file: 'a.yaml', documents: yaml('resumed-1') }]);
    await client.apply([{ file: 'a.yaml', documents: yaml('resumed-2') }]);
    const abort = new AbortController();
    const events: WatchEvent[] = [];
    for await (const event of client.watch(virtualServices, {
      namespace: 'default',
      resourceVersion,
      signal: abort.signal,
    })) {
      events.push(event);
      if (events.length === 2) abort.abort();
    }
    expect(events.map((event) => `${event.type} ${event.object.metadata.name}`)).toEqual([
      'ADDED resumed-1',
      'ADDED resumed-2',
    ]);
    const future = client.watch(virtualServices, {
      resourceVersion: '999999',
      signal: new AbortController().signal,
    });
    await expect(future.next()).rejects.toMatchObject({ status: 410 });
  });
});

describe('apply', () => {
  test('stores all files as one revision and says what happened to each document', async () => {
    const before = galley.revision;
    const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews}\n---\n';
    const files = [
      { file: 'one.yaml', documents: yaml('apply-1') + deployment },
      { file: 'two.yaml', documents: yaml('apply-2') },
    ];
    const applied = await client.apply(files);
    expect(applied.revision).toBe(before + 1);
    expect(applied.results.map((result) => [result.name, result.action])).toEqual([
      ['apply-1', 'created'],
      ['apply-2', 'created'],
      ['reviews', 'skipped'],
    ]);
    const again = await client.apply([
      files[0]!,
      { file: 'two.yaml', documents: yaml('apply-2', 'changed') },
    ]);
    expect(again.results.map((result) => result.action)).toEqual(['unchanged', 'configured', 'skipped']);
    expect((await client.apply(files.slice(0, 1), { dryRun: true })).revision).toBe(again.revision);
  });

  test('stores nothing when any document is invalid, and names file, line and field', async () => {
    const { revision } = galley;
    const bad = yaml('fine') + yaml('bad').replace('hosts', 'hsots');
    const error = await client
      .apply([{ file: 'bad.yaml', documents: bad }])
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KubeError);
    const { violations } = error as KubeError;
    expect(violations).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          path: 'spec.hsots',
          severity: 'error',
          position: { file: 'bad.yaml', line: 9, column: expect.any(Number) },
        }),
      ]),
    );
    expect(galley.revision).toBe(revision);
    expect(await client.get(virtualServices, 'default', 'fine')).toBeUndefined();
  });

  test('tells what is wrong between objects: a slip refuses, an unknown host warns', async () => {
    const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: hellowworld-gateway-1}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
`;
    const bound = (name: string): string => yaml('bound').replace('spec: {', `spec: {gateways: [${name}], `);
    await expect(
      client.apply([{ file: 'a.yaml', documents: gateway + bound('helloworld-gateway-1') }]),
    ).rejects.toMatchObject({
      violations: expect.arrayContaining([
        expect.objectContaining({
          path: 'spec.gateways[0]',
          hint: expect.stringContaining('hellowworld-gateway-1'),
          position: expect.objectContaining({ file: 'a.yaml', line: 9 }),
        }),
      ]),
    });
    const { results } = await client.apply([
      { file: 'a.yaml', documents: gateway + bound('hellowworld-gateway-1') },
    ]);
    expect(results[1]!.warnings).toEqual(expect.arrayContaining([expect.stringContaining('reviews')]));
    const posted = await call('PUT', `${path}/bound`, virtualService('bound', 'nowhere'));
    expect(posted.headers.get('warning')).toMatch(/^299 - ".*nowhere/);
  });

  test('refuses one object declared twice, and bodies of another form', async () => {
    await expect(
      client.apply([{ file: 'a', documents: yaml('twice') + yaml('twice') }]),
    ).rejects.toMatchObject({
      violations: [expect.objectContaining({ message: expect.stringContaining('declared twice') })],
    });
    for (const body of [{}, { files: [] }, { documents: 1 }, { documents: '', dryRun: 'yes' }, [], null]) {
      expect((await call('POST', '/apis/lateen.io/v1/apply', body)).status).toBe(400);
    }
  });
});

describe('the door', () => {
  test.each([
    ['no token', { authorization: '' }, 401],
    ['a wrong token', { authorization: 'Bearer nope' }, 401],
    ['a foreign page', { origin: 'https://evil.example' }, 403],
  ])('%s is refused', async (_what, headers, status) => {
    const refused = await call('GET', path, undefined, headers);
    expect(refused.status).toBe(status);
    expect(refused.json).toMatchObject({ kind: 'Status', code: status });
  });

  test('health needs no token, metrics do', async () => {
    expect((await call('GET', '/healthz/ready', undefined, { authorization: '' })).text).toBe('ok');
    expect((await call('GET', '/metrics', undefined, { authorization: '' })).status).toBe(401);
    expect((await call('GET', '/metrics')).text).toContain('galley_store_revision');
  });

  test('a body that is too large is refused', async () => {
    const refused = await call('POST', '/apis/lateen.io/v1/apply', 'x'.repeat(33 * 1024 * 1024));
    expect(refused.json).toMatchObject({ reason: 'RequestEntityTooLarge', code: 413 });
  });

  test('the token file is the owner’s alone; one that others can read stops galley', async () => {
    const file = join(folder, 'admin-token');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await chmod(file, 0o644);
    await galley.stop();
    await expect(startGalley()).rejects.toThrow(/chmod 600/);
    await chmod(file, 0o600);
    await startGalley();
  });

  test('discovery names the groups, versions and kinds', async () => {
    expect((await call('GET', '/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const groups = (await call('GET', '/apis')).json.groups as { name: string }[];
    expect(groups.map((group) => group.name)).toEqual(
      expect.arrayContaining(['networking.istio.io', 'security.istio.io']),
    );
    const { resources } = (await call('GET', '/apis/networking.istio.io/v1')).json as {
      resources: { name: string }[];
    };
    expect(resources.map((resource) => resource.name)).toContain('virtualservices');
    expect((await call('GET', '/apis/nobody.example/v1')).json).toMatchObject({ reason: 'NotFound' });
  });
});

describe('rollout', () => {
  const publish = (status: Partial<RolloutStatus>): void => {
    const whole = { pilot: 'p', revision: 0, proxies: 0, acked: 0, nacks: [], ...status };
    bus.publish(subjects.rollout, new TextEncoder().encode(JSON.stringify(whole)));
  };

  test('waits until every proxy of every pilot has the revision', async () => {
    publish({ pilot: 'p1', revision: 5, proxies: 2, acked: 2 });
    publish({ pilot: 'p2', revision: 5, proxies: 1, acked: 1 });
    const waiting = client.rollout(7, 5000);
    publish({ pilot: 'p1', revision: 7, proxies: 2, acked: 1 });
    publish({ pilot: 'p2', revision: 8, proxies: 1, acked: 1 });
    publish({ pilot: 'p1', revision: 7, proxies: 2, acked: 2 });
    expect(await waiting).toEqual({ revision: 7, done: true, proxies: 3, acked: 3, nacks: [] });
    expect((await client.rollout(9, 50)).done).toBe(false);
  });

  test('ends early when a proxy refuses', async () => {
    const nacks = [{ proxy: 'x', type: 'RDS', message: 'no' }];
    const waiting = client.rollout(20, 10_000);
    publish({ pilot: 'p1', revision: 20, proxies: 2, acked: 1, nacks });
    publish({ pilot: 'p2', revision: 20, proxies: 1, acked: 1 });
    expect(await waiting).toEqual({ revision: 20, done: false, proxies: 3, acked: 2, nacks });
  });
});

describe('distribution', () => {
  const sinks: McpSink[] = [];
  const clients: RpcClient[] = [];
  afterAll(async () => {
    for (const sink of sinks) await sink.stop();
    for (const each of clients) each.close();
  });

  const sinkOf = (id: string, onSnapshot: (snapshot: ConfigSnapshot) => void): McpSink => {
    const credentials = channelCredentials(identityOf(id), {
      serverPrincipals: [componentId('galley', 'cluster.local')],
    });
    const rpc = new RpcClient(`127.0.0.1:${galley.mcpPort}`, credentials);
    const sink = createMcpSink({
      client: rpc,
      collections: [...collections],
      nodeId: 'test',
      onSnapshot,
      clock,
      random,
      logger: silentLogger,
    });
    clients.push(rpc);
    sinks.push(sink);
    return sink;
  };

  test('pilot sees each revision whole, with what changed, and goes on after a restart', async () => {
    const snapshots: ConfigSnapshot[] = [];
    const sink = sinkOf(componentId('pilot', 'cluster.local'), (snapshot) => void snapshots.push(snapshot));
    await sink.start();
    await sink.revision.until((revision) => revision === galley.revision);
    const { revision } = await client.apply([{ file: 'a', documents: yaml('sent') }]);
    await sink.revision.until((seen) => seen === revision);
    const last = snapshots.at(-1)!;
    const collection = 'istio/networking/v1alpha3/virtualservices';
    expect([...last.changed]).toEqual([`${collection} default/sent`]);
    expect(last.objects.get(collection)!.get('default/sent')).toMatchObject({
      metadata: { resourceVersion: String(revision) },
      spec: { hosts: ['reviews'] },
    });
    expect(last.objects.size).toBe(collections.size);
  });

  test('a burst of revisions arrives as whole revisions, the newest last', async () => {
    const seen: number[] = [];
    const sink = sinkOf(
      componentId('mixer', 'cluster.local'),
      (snapshot) => void seen.push(snapshot.revision),
    );
    await sink.start();
    await sink.revision.until((revision) => revision === galley.revision);
    for (let index = 0; index < 50; index += 1) {
      await client.apply([{ file: 'a', documents: yaml('burst', `v${index}`) }]);
    }
    await sink.revision.until((revision) => revision === galley.revision);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('a snapshot that is refused comes again with the next revision', async () => {
    const start = galley.revision;
    const refused = new WatchValue(false);
    const changes: string[][] = [];
    const sink = sinkOf(componentId('pilot', 'cluster.local'), (snapshot) => {
      if (snapshot.revision === start + 1) {
        refused.set(true);
        throw new Error('not yet');
      }
      changes.push([...snapshot.changed].map((name) => name.split(' ')[1]!));
    });
    await sink.start();
    await sink.revision.until((revision) => revision === start);
    await client.apply([{ file: 'a', documents: yaml('refused') }]);
    await refused.until((value) => value);
    const { revision } = await client.apply([{ file: 'a', documents: yaml('accepted') }]);
    await sink.revision.until((seen) => seen === revision);
    expect(changes.at(-1)).toEqual(expect.arrayContaining(['default/refused', 'default/accepted']));
  });

  test('nobody else reads configuration', async () => {
    const stranger = sinkOf('spiffe://cluster.local/ns/default/sa/bookinfo', () => {});
    await stranger.start();
    const credentials = channelCredentials(identityOf('spiffe://cluster.local/ns/default/sa/x'), {
      serverPrincipals: [componentId('galley', 'cluster.local')],
    });
    const rpc = new RpcClient(`127.0.0.1:${galley.mcpPort}`, credentials);
    clients.push(rpc);
    const stream = rpc.stream(methods.mcpSource);
    stream.send({ collection: [...collections][0]! });
    const read = async (): Promise<void> => {
      for await (const _message of stream.responses) throw new Error('got configuration');
    };
    await expect(read()).rejects.toMatchObject({ code: 'LTN_RPC_UNAUTHENTICATED' });
    expect(stranger.connected.current).toBe(false);
  });
});

test('everything is there after a restart, and watches resume over it', async () => {
  const { resourceVersion, items } = await client.list(virtualServices);
  await client.apply([{ file: 'a', documents: yaml('before-restart') }]);
  await galley.stop();
  await startGalley();
  const after = await client.list(virtualServices);
  expect(after.items.map((item) => item.metadata.name)).toEqual(
    expect.arrayContaining([...items.map((item) => item.metadata.name), 'before-restart']),
  );
  const abort = new AbortController();
  for await (const event of client.watch(virtualServices, { resourceVersion, signal: abort.signal })) {
    expect(event.object.metadata.name).toBe('before-restart');
    abort.abort();
  }
});
