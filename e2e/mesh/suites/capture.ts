import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type Server } from 'node:tls';
import { join } from 'node:path';
import { createTestAuthority } from '@lateen/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Figures } from '../harness/figures.ts';
import type { LoadClient } from '../harness/load.ts';
import { openTunnel, readUntil } from '../harness/tunnel.ts';
import { echoPlan, type WholeMesh } from '../harness/whole-mesh.ts';
import { service } from './traffic.ts';

const authority = createTestAuthority({ nowMs: Date.now() });

/** A TLS origin that says its name and echoes. */
async function tlsOrigin(name: string, host: string): Promise<Server> {
  const { certificateChain, privateKey } = authority.issue('spiffe://outside/ns/none/sa/none', {
    dnsNames: [host],
  });
  const server = createTlsServer({ cert: certificateChain, key: privateKey }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`hello from ${name}\n`);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const tlsEntry = (name: string, port: number): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec:
  hosts: [${name}.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 8443, name: tls, protocol: TLS }]
  endpoints: [{ address: 127.0.0.1, ports: { tls: ${port} } }]
`;

const sniRoute = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: secure }
spec:
  hosts: [secure.example.com]
  tls:
    - match: [{ port: 8443, sniHosts: [secure.example.com] }]
      route: [{ destination: { host: other.example.com, port: { number: 8443 } } }]
`;

const greeter = `apiVersion: v1
kind: Service
metadata: { name: greeter }
spec:
  ports: [{ port: 4000, name: tcp }]
  selector: { app: server }
`;

const abortByHeader = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: server }
spec:
  hosts: [server]
  http:
    - match: [{ headers: { x-end: { exact: here } } }]
      fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
      route: [{ destination: { host: server } }]
    - route: [{ destination: { host: server } }]
`;

const denier = `apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: denytunnelled }
spec:
  compiledAdapter: denier
  params: { status: { code: 7, message: Not through a tunnel either } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: denytunnelled }
spec: { compiledTemplate: checknothing }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: denytunnelled }
spec:
  match: destination.labels["app"] == "server" && request.headers["x-deny"] == "yes"
  actions: [{ handler: denytunnelled, instances: [denytunnelled] }]
`;

const registryOnly = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    outboundTrafficPolicy: { mode: REGISTRY_ONLY }
`;

/** How calls get into the mesh without redirection: by port, by proxy, by CONNECT, by Node's own agents. */
export function describeCapture(get: () => WholeMesh, figures: Figures): void {
  describe('outbound capture', () => {
    const servers: Server[] = [];
    const sockets: Socket[] = [];
    let client: LoadClient;
    let proxy: string;

    beforeAll(async () => {
      servers.push(await tlsOrigin('secure', 'secure.example.com'));
      servers.push(await tlsOrigin('other', 'other.example.com'));
      await get().apply(
        [
          service('server'),
          greeter,
          tlsEntry('secure', portOf(servers[0]!)),
          tlsEntry('other', portOf(servers[1]!)),
        ].join('---\n'),
      );
      await get().run(echoPlan('server', { ports: ['http', 'tcp'] }));
      // Started last: its ports for TCP and TLS services are allotted for those that are known then.
      const caller = await get().run({
        ...echoPlan('caller'),
        command: ['node', join(import.meta.dirname, '../apps/caller.ts')],
      });
      client = get().clientOf('caller');
      proxy = caller.proxyUrl.reveal();
    }, 60_000);
    afterAll(() => {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    });

    /** Shakes hands by SNI, on a port of ours or inside a tunnel; what the origin said first, and the echo. */
    async function talkTls(servername: string, by: { port: number } | { socket: Socket }): Promise<string> {
      const socket = connectTls({
        ...('socket' in by ? by : { host: '127.0.0.1', port: by.port }),
        servername,
        rejectUnauthorized: false,
      });
      sockets.push(socket);
      socket.write('ping\n');
      return readUntil(socket, '', (text) => text.endsWith('ping\n'));
    }

    async function tunnel(target: string): Promise<Awaited<ReturnType<typeof openTunnel>>> {
      const opened = await openTunnel(proxy, target);
      sockets.push(opened.socket);
      return opened;
    }

    /** Status and body of a request inside a tunnel. */
    async function askInside(target: string, headers: string): Promise<string> {
      const { status, socket, rest } = await tunnel(target);
      if (status !== 200) return `CONNECT ${status}`;
      socket.write(`GET /inside HTTP/1.1\r\nhost: ${target}\r\n${headers}connection: close\r\n\r\n`);
      return readUntil(socket, rest, () => false);
    }

    describe('TLS by SNI', () => {
      const local = (host: string): number => get().workloads.get('caller')!.ports.outbound.get(host)!;

      test('on the outbound port, the app’s own TLS goes through unopened', async () => {
        const answer = await talkTls('secure.example.com', { port: local('secure.example.com:8443') });
        figures.add('TLS by SNI, outbound port', JSON.stringify(answer));
        expect(answer).toBe('hello from secure\nping\n');
      });

      test('by CONNECT', async () => {
        const { status, socket } = await tunnel('secure.example.com:8443');
        expect(status).toBe(200);
        expect(await talkTls('secure.example.com', { socket })).toBe('hello from secure\nping\n');
      });

      test('a VirtualService routes by SNI', async () => {
        await get().apply(sniRoute);
        const answer = await talkTls('secure.example.com', { port: local('secure.example.com:8443') });
        await get().remove('virtualservices', 'secure');
        figures.add('TLS by SNI, VirtualService', JSON.stringify(answer));
        expect(answer).toBe('hello from other\nping\n');
      });
    });

    describe('CONNECT', () => {
      test('HTTP inside is routed as HTTP', async () => {
        await get().apply(abortByHeader);
        const plain = await askInside('server:9080', '');
        const matched = await askInside('server:9080', 'x-end: here\r\n');
        await get().remove('virtualservices', 'server');
        expect(plain).toMatch(/^HTTP\/1\.1 200 [^]*"path":"\/inside"/);
        expect(matched).toMatch(/^HTTP\/1\.1 418 /);
      });

      test('HTTP inside is checked as HTTP', async () => {
        await get().apply(denier);
        const denied = await askInside('server:9080', 'x-deny: yes\r\n');
        const allowed = await askInside('server:9080', '');
        for (const plural of ['rules', 'handlers', 'instances']) await get().remove(plural, 'denytunnelled');
        figures.add('Mixer denier inside CONNECT', denied.split('\r\n')[0] ?? '');
        expect(denied).toMatch(/^HTTP\/1\.1 403 [^]*Not through a tunnel either/);
        expect(allowed).toMatch(/^HTTP\/1\.1 200 /);
      });

      test('to a TCP service, server first', async () => {
        const { status, socket, rest } = await tunnel('greeter:4000');
        expect(status).toBe(200);
        expect(await readUntil(socket, rest, (text) => text.endsWith('\n'))).toBe('hello from server\n');
        socket.write('ping\n');
        expect(await readUntil(socket, '', (text) => text.endsWith('\n'))).toBe('ping\n');
      });

      test('without the credential nothing is opened', async () => {
        const stranger = new URL(proxy);
        stranger.password = 'guess';
        const { status, socket } = await openTunnel(stranger.href, 'server:9080');
        socket.destroy();
        expect(status).toBe(407);
      });
    });

    test.each(['fetch', 'request', 'agent', 'keep-alive'])('a Node client’s %s is captured', async (by) => {
      const { appPort } = get().workloads.get('caller')!.ports.inbound[0]!;
      const url = encodeURIComponent('http://server:9080/from-node');
      const answer = await fetch(`http://127.0.0.1:${appPort}/call?by=${by}&url=${url}`);
      const called = (await answer.json()) as { status: number; body: string };
      expect(called).toMatchObject({ status: 200 });
      // The server saw who called, so the call went by mTLS from sidecar to sidecar.
      expect(called.body).toContain('URI=spiffe://cluster.local/ns/default/sa/caller');
    });

    describe('hosts that nobody declared', () => {
      const outside = (): string => `127.0.0.1:${get().workloads.get('server')!.ports.inbound[0]!.appPort}`;

      test('are reached under ALLOW_ANY, by proxy and by CONNECT', async () => {
        const answer = await client.send({ url: `http://${outside()}/seen` });
        const inside = await askInside(outside(), '');
        expect(answer.status).toBe(200);
        expect(inside).toMatch(/^HTTP\/1\.1 200 /);
      });

      test('are 502 under REGISTRY_ONLY, and declared ones are reached as ever', async () => {
        await get().apply(registryOnly);
        const unknown = await client.send({ url: `http://${outside()}/seen` });
        const named = await client.send({ url: 'http://nowhere.example.com/' });
        const { status } = await tunnel(outside());
        const known = await client.send({ url: 'http://server:9080/' });
        const inside = await askInside('server:9080', '');
        await get().remove('configmaps', 'istio', 'istio-system');
        figures.add('REGISTRY_ONLY', `unknown ${unknown.status}, CONNECT ${status}, known ${known.status}`);
        expect([unknown.status, named.status, known.status]).toEqual([502, 502, 200]);
        expect(status).toBe(502);
        expect(inside).toMatch(/^HTTP\/1\.1 200 /);
      });

      test('are never the proxy itself', async () => {
        const { httpProxy } = get().workloads.get('caller')!.ports;
        for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]']) {
          const looped = await client.send({ url: `http://${host}:${httpProxy}/` });
          expect([host, looped.status, looped.body]).toEqual([host, 502, expect.stringMatching(/itself/)]);
          const inside = await askInside(`${host}:${httpProxy}`, '');
          expect(inside).toBe('CONNECT 502');
        }
        const after = await client.send({ url: 'http://server:9080/' });
        expect(after.status).toBe(200);
      });
    });
  });
}
