import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { typeUrl, unpackAny } from '@lateen/protos';
import {
  createRpcServer,
  insecureChannel,
  insecureServer,
  methods,
  RpcClient,
  RpcServices,
  type TlsIdentity,
} from '@lateen/rpc';
import { silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { createTemporaryFolder, createTestAuthority, type TemporaryFolder } from '@lateen/testing';
import { createSdsClient, createXdsServer, type XdsServer } from '@lateen/xds';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSecretSource } from './secrets.ts';

const secret = 'envoy.extensions.transport_sockets.tls.v3.Secret';
const authority = createTestAuthority({ nowMs: Date.now() });
const id = 'spiffe://cluster.local/ns/default/sa/reviews';

let folder: TemporaryFolder;
let identity: WatchValue<TlsIdentity | undefined>;
let client: RpcClient;
let xds: XdsServer;
const stops: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  folder = createTemporaryFolder();
  identity = new WatchValue<TlsIdentity | undefined>(undefined);
  const source = createSecretSource(identity, { clock: systemClock, logger: silentLogger });
  const services = new RpcServices(silentLogger);
  xds = createXdsServer({ source, clock: systemClock, logger: silentLogger });
  xds.addSds(services);
  const address = `unix:${join(folder.path, 'sds.sock')}`;
  const server = createRpcServer({
    name: 'sds',
    address,
    credentials: insecureServer(),
    services,
    drainTimeoutMs: 20,
  });
  await server.start();
  client = new RpcClient(address, insecureChannel());
  stops.push(
    () => server.stop(),
    () => xds.close(),
    () => source.close(),
    () => client.close(),
  );
});

afterEach(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  folder[Symbol.dispose]();
});

/** A proxy's client; `got` has each secret's key or roots. */
function subscribe(mode: 'sotw' | 'delta', names: string[]): WatchValue<Map<string, string>> {
  const sds = createSdsClient({
    client,
    node: { id: 'sidecar~127.0.0.1~a.b~b.svc.cluster.local' },
    mode,
    clock: systemClock,
    random: () => 0.5,
    logger: silentLogger,
  });
  stops.push(() => sds.stop());
  const got = new WatchValue(new Map<string, string>());
  sds.subscribe(
    secret,
    (update) => {
      const next = new Map(got.current);
      for (const { name, message } of update.updated) {
        const bytes =
          message.tlsCertificate?.privateKey?.inlineBytes ??
          message.validationContext?.trustedCa?.inlineBytes;
        next.set(name, Buffer.from(bytes ?? []).toString());
      }
      got.set(next);
      return [];
    },
    names,
  );
  sds.start();
  return got;
}

test.each(['sotw', 'delta'] as const)(
  'a proxy waits for its secrets, gets them and every rotation (%s)',
  async (mode) => {
    const got = subscribe(mode, ['default', 'ROOTCA']);
    for (const round of [1, 2]) {
      const issued = authority.issue(id);
      identity.set(issued);
      const secrets = await got.until((now) => now.get('default') === issued.privateKey);
      expect(secrets.get('ROOTCA'), `round ${round}`).toBe(authority.root);
    }
    await expect.poll(() => xds.connections()[0]?.types[0]?.outstanding).toBe(false);
    expect(xds.connections()[0]?.types[0]?.nack).toBeUndefined();
  },
);

test('a single fetch answers what is asked for', async () => {
  const issued = authority.issue(id);
  identity.set(issued);
  await Promise.resolve();
  const request = { typeUrl: typeUrl(secret), resourceNames: ['default'] };
  const { resources = [] } = await client.unary(methods.fetchSecrets, request, { timeoutMs: 2000 });
  const [certificate] = resources.map((any) => unpackAny(secret, any));
  expect(resources).toHaveLength(1);
  expect(Buffer.from(certificate?.tlsCertificate?.certificateChain?.inlineBytes ?? []).toString()).toBe(
    issued.certificateChain,
  );
});

test.each(['sotw', 'delta'] as const)(
  'files that a proxy asks for are served once they are good, and again when they change (%s)',
  async (mode) => {
    identity.set(authority.issue(id));
    const path = (name: string): string => join(folder.path, name);
    const [certificate, roots] = [`file-cert:${path('cert')}~${path('key')}`, `file-root:${path('roots')}`];
    writeFileSync(path('roots'), authority.root);
    const got = subscribe(mode, [certificate, roots, 'file-cert:relative~paths', 'file-cert:/only-one']);
    await got.until((now) => now.get(roots) === authority.root);
    for (const _round of [1, 2]) {
      const issued = authority.issue(id);
      writeFileSync(path('cert'), issued.certificateChain);
      writeFileSync(path('key'), issued.privateKey);
      await got.until((now) => now.get(certificate) === issued.privateKey);
    }
    expect([...(got.current?.keys() ?? [])].toSorted()).toEqual([certificate, roots]);
  },
);
