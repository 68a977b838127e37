import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromMcpResource, objectFromJson, toMcpResource } from '@lateen/config-schema';
import type { istio_mcp_v1alpha1_Resource as Resource } from '@lateen/protos';
import { createRpcServer, insecureChannel, insecureServer, RpcClient, RpcServices } from '@lateen/rpc';
import { type Component, silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ConfigSnapshot, createMcpSink, type McpSink } from './sink/mcp-sink.ts';
import { createMcpSource } from './source/mcp-source.ts';
import type { McpSnapshot } from './source/snapshot.ts';

const services = 'k8s/core/v1/services';
const namespaces = 'k8s/core/v1/namespaces';
const collections = [services, namespaces];

let folder: string;
let address: string;
let server: Component;
let snapshot: WatchValue<McpSnapshot | undefined>;
let sinks: WatchValue<number>;
let client: RpcClient;
let sink: McpSink;
let snapshots: ConfigSnapshot[];

function resourceOf(kind: 'Service' | 'Namespace', name: string, version: string): Resource {
  const spec = kind === 'Service' ? { ports: [{ name: 'http', port: 80 }], selector: { version } } : {};
  const { object, violations } = objectFromJson({
    apiVersion: 'v1',
    kind,
    metadata: { name, resourceVersion: version, ...(kind === 'Service' ? { namespace: 'default' } : {}) },
    spec,
  });
  if (!object) throw new Error(JSON.stringify(violations));
  return toMcpResource(object);
}

/** Services `name → version` and one namespace, all at one revision. */
function publish(revision: number, content: Record<string, string>): void {
  const named = Object.entries(content).map(([name, version]) => resourceOf('Service', name, version));
  const resources = new Map(named.map((resource) => [resource.metadata!.name!, resource]));
  const version = String(revision);
  const prod = resourceOf('Namespace', 'prod', '1');
  snapshot.set(
    new Map([
      [services, { version, resources }],
      [namespaces, { version, resources: new Map([[prod.metadata!.name!, prod]]) }],
    ]),
  );
}

async function serve(): Promise<void> {
  const rpc = new RpcServices(silentLogger);
  sinks = new WatchValue(0);
  createMcpSource({
    services: rpc,
    snapshot,
    collections: new Set(collections),
    refuse: () => undefined,
    sinks,
    logger: silentLogger,
  });
  server = createRpcServer({
    name: 'source',
    address,
    credentials: insecureServer(),
    services: rpc,
    drainTimeoutMs: 0,
  });
  await server.start();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-mcp-'));
  address = `unix:${join(folder, 'socket')}`;
  snapshot = new WatchValue<McpSnapshot | undefined>(undefined);
  snapshots = [];
  await serve();
  client = new RpcClient(address, insecureChannel());
  sink = createMcpSink({
    client,
    collections,
    nodeId: 'test',
    onSnapshot: (taken) => void snapshots.push(taken),
    clock: systemClock,
    random: () => 0,
    logger: silentLogger,
  });
});
afterEach(async () => {
  await sink.stop();
  client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const at = (revision: number): Promise<unknown> => sink.revision.until((seen) => seen === revision);
const names = (taken: ConfigSnapshot | undefined): string[] => [...taken!.objects.get(services)!.keys()];

test('a sink waits for the first state, then gets each revision whole with what changed in it', async () => {
  await sink.start();
  await sinks.until((count) => count === 1);
  publish(1, { a: '1', b: '1' });
  await at(1);
  expect(names(snapshots[0])).toEqual(['default/a', 'default/b']);
  expect([...snapshots[0]!.changed].sort()).toEqual([
    `${namespaces} /prod`,
    `${services} default/a`,
    `${services} default/b`,
  ]);
  publish(2, { a: '2' });
  await at(2);
  expect([...snapshots[1]!.changed].sort()).toEqual([`${services} default/a`, `${services} default/b`]);
  expect(snapshots[1]!.objects.get(services)!.get('default/a')).toEqual(
    fromMcpResource(services, resourceOf('Service', 'a', '2')),
  );
  // What didn't change is the same map, so that readers needn't look at it.
  expect(snapshots[1]!.objects.get(namespaces)).toBe(snapshots[0]!.objects.get(namespaces));
});

test('a sink that was cut off asks for what changed meanwhile', async () => {
  publish(1, { a: '1', b: '1' });
  await sink.start();
  await at(1);
  await server.stop();
  await sink.connected.until((connected) => !connected);
  publish(5, { b: '1', c: '5' });
  await serve();
  await at(5);
  expect(names(snapshots.at(-1))).toEqual(['default/b', 'default/c']);
  expect([...snapshots.at(-1)!.changed].sort()).toEqual([`${services} default/a`, `${services} default/c`]);
});

test('a sink that starts before its source finds it', async () => {
  await server.stop();
  await sink.start();
  publish(3, { a: '3' });
  await serve();
  await at(3);
  expect(names(snapshots[0])).toEqual(['default/a']);
});
