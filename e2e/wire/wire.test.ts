import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import type * as grpc from '@grpc/grpc-js';
import { compressAttributes, globalDictionary, attribute, MutableBag } from '@lateen/attributes';
import { encode, structOf, unpackAny } from '@lateen/protos';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Figures } from '../mesh/harness/figures.ts';
import { bringUp, echoPlan, type WholeMesh } from '../mesh/harness/whole-mesh.ts';
import { service } from '../mesh/suites/traffic.ts';
import { callWithBytes, claimsOf, Conversation, join, openChannel } from './grpc-client.ts';

const corpus = joinPath(
  process.env.LATEEN_CORPORA ?? joinPath(import.meta.dirname, '../../../shared/corpora'),
  'mixer-wire/wire-vectors.json',
);

const discovery = 'envoy.service.discovery.v3';
const stateOfTheWorld = {
  path: `/${discovery}.AggregatedDiscoveryService/StreamAggregatedResources`,
  request: `${discovery}.DiscoveryRequest`,
  response: `${discovery}.DiscoveryResponse`,
} as const;
const delta = {
  path: `/${discovery}.AggregatedDiscoveryService/DeltaAggregatedResources`,
  request: `${discovery}.DeltaDiscoveryRequest`,
  response: `${discovery}.DeltaDiscoveryResponse`,
} as const;
const check = {
  path: '/istio.mixer.v1.Mixer/Check',
  request: 'istio.mixer.v1.CheckRequest',
  response: 'istio.mixer.v1.CheckResponse',
} as const;
const mcp = {
  path: '/istio.mcp.v1alpha1.ResourceSource/EstablishResourceStream',
  request: 'istio.mcp.v1alpha1.RequestResources',
  response: 'istio.mcp.v1alpha1.Resources',
} as const;

const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
const node = {
  id: 'sidecar~127.0.0.1~stranger.default~default.svc.cluster.local',
  metadata: structOf({ NAMESPACE: 'default', HTTP_PROXY_PORT: '31999', ISTIO_VERSION: '1.30.3' }),
};

const timeout = (text: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: wired }
spec:
  hosts: [wired]
  http: [{ timeout: ${text}, route: [{ destination: { host: wired } }] }]
`;

const denier = `apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: wirehandler, namespace: istio-system }
spec:
  compiledAdapter: denier
  params: { status: { code: 7, message: Not on this wire } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: wirerequest, namespace: istio-system }
spec: { compiledTemplate: checknothing }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: wirerule, namespace: istio-system }
spec:
  match: (request.path | "") == "/denied"
  actions: [{ handler: wirehandler, instances: [wirerequest] }]
`;

/** Clients that use only grpc-js and the messages talk to each component as Istio's and Envoy's own would. */
describe('real on the wire', () => {
  const figures = new Figures('wire');
  const channels: grpc.Client[] = [];
  let mesh: WholeMesh;
  beforeAll(async () => {
    mesh = await bringUp('embedded', { plaintextXds: true });
    await mesh.apply(service('wired'));
    await mesh.run(echoPlan('wired'));
  }, 60_000);
  afterAll(async () => {
    for (const channel of channels) channel.close();
    figures.print();
    await mesh?.stop();
  }, 60_000);

  function channel(...args: Parameters<typeof openChannel>): grpc.Client {
    const opened = openChannel(...args);
    channels.push(opened);
    return opened;
  }

  async function joinToken(serviceAccount: string): Promise<string> {
    const answer = await fetch(`${mesh.mesh.file.citadelAdmin}/v1/join-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${mesh.mesh.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ namespace: 'default', serviceAccount, ttlSeconds: 60 }),
    });
    return ((await answer.json()) as { token: string }).token;
  }

  describe('pilot', () => {
    /** Timeout of the route to `wired`, seconds; `undefined` without a virtual host of it. */
    function timeoutOf(any: Parameters<typeof unpackAny>[1] | undefined): number | undefined {
      if (!any) return undefined;
      const { virtualHosts = [] } = unpackAny('envoy.config.route.v3.RouteConfiguration', any);
      const [route] = virtualHosts.find(({ name }) => name?.startsWith('wired.'))?.routes ?? [];
      return Number(route?.route?.timeout?.seconds ?? 0);
    }

    test('state of the world: the changed RouteConfiguration is pushed', async () => {
      const stream = new Conversation(channel(mesh.mesh.plaintextXds!), stateOfTheWorld);
      const subscription = { typeUrl: routeType, resourceNames: ['http_proxy'] };
      stream.say({ node, ...subscription });
      const first = await stream.hear();
      expect(timeoutOf(first.resources?.[0])).toBe(0);
      stream.say({
        ...subscription,
        versionInfo: first.versionInfo ?? '',
        responseNonce: first.nonce ?? '',
      });
      const begin = performance.now();
      const [second] = await Promise.all([stream.hear(), mesh.mesh.galley.apply([file(timeout('7s'))])]);
      figures.add(
        'ADS, state of the world',
        `the route was pushed ${Math.round(performance.now() - begin)} ms after apply`,
      );
      stream.end();
      expect(second.typeUrl).toBe(routeType);
      expect(timeoutOf(second.resources?.[0])).toBe(7);
      expect(second.versionInfo).not.toBe(first.versionInfo);
      expect(second.nonce).not.toBe(first.nonce);
    });

    test('delta: only what changed is pushed', async () => {
      const stream = new Conversation(channel(mesh.mesh.plaintextXds!), delta);
      stream.say({ node, typeUrl: routeType, resourceNamesSubscribe: ['http_proxy'] });
      const first = await stream.hear();
      stream.say({ typeUrl: routeType, responseNonce: first.nonce ?? '' });
      const begin = performance.now();
      const [second] = await Promise.all([stream.hear(), mesh.mesh.galley.apply([file(timeout('9s'))])]);
      figures.add(
        'ADS, delta',
        `the route was pushed ${Math.round(performance.now() - begin)} ms after apply`,
      );
      stream.end();
      expect(second.resources?.map(({ name }) => name)).toEqual(['http_proxy']);
      expect(timeoutOf(second.resources?.[0]?.resource)).toBe(9);
      expect(second.removedResources ?? []).toEqual([]);
    });

    const file = (documents: string): { file: string; documents: string } => ({
      file: 'wire.yaml',
      documents,
    });
  });

  describe('citadel', () => {
    test('CreateCertificate for a join token answers a chain to the root that the token names', async () => {
      const token = await joinToken('stranger');
      const { certificateChain, root } = await join(mesh.mesh.file.citadelAddress, token);
      const leaf = new X509Certificate(certificateChain);
      figures.add('citadel CreateCertificate', `${leaf.subjectAltName}, until ${leaf.validTo}`);
      expect(leaf.subjectAltName).toBe(`URI:${claimsOf(token).sub}`);
      expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/default/sa/stranger');
      expect(leaf.checkIssued(new X509Certificate(root)) || certificateChain.split('BEGIN').length > 2).toBe(
        true,
      );
    });

    test('a token that was tampered with gets nothing', async () => {
      const [head = '', body = '', signature = ''] = (await joinToken('stranger')).split('.');
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
      const forged = Buffer.from(
        JSON.stringify({ ...claims, sub: 'spiffe://cluster.local/ns/default/sa/admin' }),
      );
      const attempt = join(
        mesh.mesh.file.citadelAddress,
        `${head}.${forged.toString('base64url')}.${signature}`,
      );
      await expect(attempt).rejects.toMatchObject({ code: 16 });
    });
  });

  describe('mixer', () => {
    let client: grpc.Client;
    beforeAll(async () => {
      await mesh.apply(denier);
      client = channel(
        mesh.mesh.file.mixerAddress,
        await join(mesh.mesh.file.citadelAddress, await joinToken('stranger')),
      );
    });

    test.each([
      ['/denied', 7, 'wirehandler.denier.istio-system:Not on this wire'],
      ['/fine', 0, ''],
    ])('a Check of our own making for %s', async (path, code, message) => {
      const bag = new MutableBag();
      bag.set('request.path', attribute.string(path));
      const bytes = encode(check.request, {
        attributes: compressAttributes(bag, { globalWordCount: globalDictionary.length }),
        globalWordCount: globalDictionary.length,
        deduplicationId: `wire${path}`,
      });
      const { precondition } = await callWithBytes(client, check, bytes);
      figures.add(
        `Check of ${path}`,
        `code ${precondition?.status?.code ?? 0} "${precondition?.status?.message ?? ''}"`,
      );
      expect(precondition?.status?.code ?? 0).toBe(code);
      expect(precondition?.status?.message ?? '').toContain(message);
      // The proxy caches by what was read: the path, whose word is in the global dictionary.
      const names = precondition?.referencedAttributes?.attributeMatches?.map(({ name }) => name);
      expect(names).toContain(globalDictionary.indexOf('request.path'));
    });

    test('Checks whose bytes Istio’s own encoder made', async ({ skip }) => {
      if (!existsSync(corpus)) return skip(`not there: ${corpus}; LATEEN_CORPORA names the folder`);
      const vectors = JSON.parse(readFileSync(corpus, 'utf8')) as {
        id: string;
        message: string;
        hex: string;
        json: { quotas?: Record<string, { amount: string }> };
      }[];
      const checks = vectors.filter(({ message }) => message === check.request);
      for (const { hex, json } of checks) {
        const answer = await callWithBytes(client, check, Buffer.from(hex, 'hex'));
        expect(answer.precondition?.status?.code ?? 0).toBe(0);
        for (const [quota, { amount }] of Object.entries(json.quotas ?? {}))
          expect(Number(answer.quotas?.[quota]?.grantedAmount)).toBe(Number(amount));
      }
      figures.add('Checks of Istio’s bytes', `${checks.length} answered`);
      expect(checks.length).toBeGreaterThan(0);
    });

    test('nobody is answered without a certificate of the mesh', async () => {
      const { root } = await join(mesh.mesh.file.citadelAddress, await joinToken('stranger'));
      const bare = channel(mesh.mesh.file.mixerAddress, { root });
      await expect(callWithBytes(bare, check, encode(check.request, {}))).rejects.toMatchObject({ code: 14 });
    });
  });

  describe('galley', () => {
    const collections = [
      'istio/networking/v1alpha3/virtualservices',
      'istio/networking/v1alpha3/workloadentries',
      'k8s/core/v1/services',
    ];

    test('an MCP sink gets the collections, and what changes in them', async () => {
      // Who may read the whole configuration is pilot and mixer alone, so the sink comes as pilot.
      const token = readFileSync(joinPath(mesh.folder, 'tokens/pilot'), 'utf8').trim();
      const credentials = await join(mesh.mesh.file.citadelAddress, token);
      const stream = new Conversation(channel(mesh.mesh.file.galleyMcp, credentials), mcp);
      const held = new Map<string, Set<string>>();
      const take = async (): Promise<string> => {
        const answer = await stream.hear();
        const collection = answer.collection ?? '';
        const names = (answer.incremental ? held.get(collection) : undefined) ?? new Set<string>();
        for (const { metadata } of answer.resources ?? []) names.add(metadata?.name ?? '');
        for (const name of answer.removedResources ?? []) names.delete(name);
        held.set(collection, names);
        stream.say({
          sinkNode: { id: 'wire' },
          collection,
          responseNonce: answer.nonce ?? '',
          incremental: true,
        });
        return collection;
      };
      for (const collection of collections)
        stream.say({ sinkNode: { id: 'wire' }, collection, incremental: true });
      while (held.size < collections.length) await take();
      figures.add('MCP', collections.map((name) => `${name} ${held.get(name)?.size}`).join(', '));
      expect([...held.get('k8s/core/v1/services')!]).toContain('default/wired');
      expect(held.get('istio/networking/v1alpha3/workloadentries')!.size).toBe(1);
      await mesh.mesh.galley.apply([{ file: 'late.yaml', documents: service('late') }]);
      while (!held.get('k8s/core/v1/services')!.has('default/late')) await take();
      stream.end();
      expect(held.get('k8s/core/v1/services')!.has('default/wired')).toBe(true);
    });

    test('a workload may not read the configuration', async () => {
      const credentials = await join(mesh.mesh.file.citadelAddress, await joinToken('stranger'));
      const stream = new Conversation(channel(mesh.mesh.file.galleyMcp, credentials), mcp);
      stream.say({ sinkNode: { id: 'wire' }, collection: collections[0]!, incremental: true });
      await expect(stream.hear()).rejects.toMatchObject({
        code: 16,
        details: expect.stringContaining('may not read configuration'),
      });
    });
  });
});
