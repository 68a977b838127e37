import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorkloadIdentity } from '@lateen/agent';
import { createCitadel, readSettings as readCitadelSettings } from '@lateen/citadel';
import {
  type ConfigObject,
  decodeDocument,
  definitionOf,
  parseDocuments,
  toMcpResource,
} from '@lateen/config-schema';
import { formatWorkloadId, rootNamespace } from '@lateen/identity';
import { createMcpSource, type McpCollection, type McpSnapshot } from '@lateen/mcp';
import { createMixer, type Mixer, readSettings } from '@lateen/mixer';
import { channelCredentials, createRpcServer, RpcClient, RpcServices, serverCredentials } from '@lateen/rpc';
import {
  type Component,
  composeComponents,
  silentLogger,
  sleep,
  systemClock,
  WatchValue,
} from '@lateen/runtime';

/** A mixer with a real citadel and a real MCP source, and a caller with a certificate of the mesh. */
export interface RunningMixer {
  readonly mixer: Mixer;
  /** Channel of a workload; mutual TLS. */
  readonly client: RpcClient;
  readonly lines: string[];
  /** Publishes documents and waits until mixer has them in force. */
  apply(yaml: string): Promise<void>;
  stop(): Promise<void>;
}

const collections = [
  ...['rules', 'handlers', 'instances', 'attributemanifests'].map((name) => `istio/policy/v1beta1/${name}`),
  'istio/networking/v1alpha3/workloadentries',
];

function snapshotOf(yaml: string, revision: number): McpSnapshot {
  const byCollection = new Map<string, Map<string, ReturnType<typeof toMcpResource>>>(
    collections.map((collection) => [collection, new Map()]),
  );
  for (const document of parseDocuments(yaml).documents) {
    const { object, violations } = decodeDocument(document);
    if (!object) throw new Error(JSON.stringify(violations));
    const versioned: ConfigObject = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    };
    const resource = toMcpResource(versioned);
    byCollection.get(definitionOf(object).collection)?.set(resource.metadata!.name!, resource);
  }
  const snapshot = [...byCollection].map(([name, resources]): [string, McpCollection] => [
    name,
    { version: String(revision), resources },
  ]);
  return new Map(snapshot);
}

/** Starts it on ports of its own. */
export async function startMixer(): Promise<RunningMixer> {
  const stateDir = await mkdtemp(join(tmpdir(), 'lateen-mixer-'));
  const surroundings = { clock: systemClock, random: Math.random, logger: silentLogger };
  const any = '127.0.0.1:0';
  const citadel = createCitadel(
    readCitadelSettings({ LATEEN_STATE_DIR: stateDir, CITADEL_ADDRESS: any, CITADEL_ADMIN_ADDRESS: any }),
    surroundings,
  );
  await citadel.start();
  const identityOf = (namespace: string, serviceAccount: string) =>
    createWorkloadIdentity({
      citadelAddress: `127.0.0.1:${citadel.port}`,
      joinToken: () => citadel.issueJoinToken(namespace, serviceAccount, 60_000),
      principal: formatWorkloadId({ trustDomain: 'cluster.local', namespace, serviceAccount }),
      trustDomain: 'cluster.local',
      ...surroundings,
    });
  const galleyIdentity = identityOf(rootNamespace, 'istio-galley-service-account');
  const workloadIdentity = identityOf('default', 'reviews');

  const snapshot = new WatchValue<McpSnapshot | undefined>(undefined);
  const services = new RpcServices(silentLogger);
  createMcpSource({
    services,
    snapshot,
    collections: new Set(collections),
    refuse: (caller) => (caller.principals.length === 0 ? 'who are you?' : undefined),
    logger: silentLogger,
    sinks: new WatchValue(0),
  });
  const source = createRpcServer({
    name: 'mcp-source',
    address: any,
    credentials: serverCredentials(galleyIdentity.identity, { clientCertificate: 'required' }),
    services,
  });
  const before = composeComponents('surroundings', [citadel, galleyIdentity, workloadIdentity, source]);
  await before.start();

  const lines: string[] = [];
  const stream = { writableLength: 0, write: (text: string) => lines.push(text) > 0 };
  const mixer = createMixer(
    readSettings({
      LATEEN_STATE_DIR: stateDir,
      MIXER_ADDRESS: any,
      MIXER_PROMETHEUS_ADDRESS: any,
      MIXER_MONITORING_ADDRESS: any,
      GALLEY_MCP_ADDRESS: `127.0.0.1:${source.port}`,
      CITADEL_ADDRESS: `127.0.0.1:${citadel.port}`,
    }),
    { ...surroundings, stdout: stream, stderr: stream },
  );
  await mixer.start();
  const client = new RpcClient(
    `127.0.0.1:${mixer.port}`,
    channelCredentials(workloadIdentity.identity, {
      serverPrincipals: ['spiffe://cluster.local/ns/istio-system/sa/istio-mixer-service-account'],
    }),
  );
  let revision = 0;
  return {
    mixer,
    client,
    lines,
    async apply(yaml) {
      revision += 1;
      snapshot.set(snapshotOf(yaml, revision));
      const wanted = revision;
      for (let tries = 0; mixer.revision !== wanted; tries += 1) {
        if (tries > 500) throw new Error('mixer did not take the configuration');
        await sleep(systemClock, 10);
      }
    },
    async stop() {
      client.close();
      const rest: Component[] = [mixer, before];
      for (const component of rest) await component.stop();
      await rm(stateDir, { recursive: true });
    },
  };
}
