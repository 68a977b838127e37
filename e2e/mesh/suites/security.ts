import { X509Certificate } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import type { Figures } from '../harness/figures.ts';
import { LoadClient } from '../harness/load.ts';
import { echoPlan, type WholeMesh } from '../harness/whole-mesh.ts';
import { service } from './traffic.ts';

/** mTLS: permissive by default, strict when asked, identities checked both ways; TCP and TLS beside HTTP. */
export function describeSecurity(get: () => WholeMesh, figures: Figures): void {
  describe('security', () => {
    const meshPort = (name: string): number => get().workloads.get(name)!.ports.inbound[0]!.meshPort;

    afterAll(() => get().remove('peerauthentications', 'default', 'istio-system'));

    test('sidecars call each other by mTLS: the server sees the client’s identity', async () => {
      await get().run(echoPlan('whoami'));
      await get().apply(service('whoami'));
      const answer = await get().clientOf('productpage-v1').send({ url: 'http://whoami:9080/' });
      const { headers } = JSON.parse(answer.body) as { headers: Record<string, string> };
      figures.add(
        'mTLS between sidecars',
        /URI=([^;,]*)/.exec(headers['x-forwarded-client-cert'] ?? '')?.[1] ?? 'no XFCC',
      );
      expect(headers['x-forwarded-client-cert']).toContain(
        'URI=spiffe://cluster.local/ns/default/sa/bookinfo-productpage',
      );
    });

    test('PERMISSIVE takes plain text on the same port', async () => {
      const answer = await fetch(`http://127.0.0.1:${meshPort('details-v1')}/details/0`);
      await answer.arrayBuffer();
      expect(answer.status).toBe(200);
    });

    test('STRICT refuses a plain client and one with a foreign certificate', async () => {
      await get().apply(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`);
      const plain = await plainRequest(meshPort('details-v1'));
      const without = await handshake(meshPort('details-v1'));
      const through = await get().clientOf('productpage-v1').send({ url: 'http://details:9080/details/0' });
      figures.add(
        'STRICT',
        `plain client ${plain}, client without a certificate ${without}, mesh client ${through.status}`,
      );
      expect([plain, without, through.status]).toEqual(['refused', 'refused', 200]);
    });

    test('a server with the wrong identity is refused by the client', async () => {
      // The Service selects an app whose certificate is for another service account than its endpoint claims.
      await get().run(echoPlan('imposter'));
      await get().apply(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: trusted }
spec:
  hosts: [trusted.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 9080, name: http, protocol: HTTP }]
  endpoints:
    - address: 127.0.0.1
      ports: { http: ${meshPort('imposter')} }
      serviceAccount: trusted
      labels: { security.istio.io/tlsMode: istio }
`);
      const answer = await get().clientOf('productpage-v1').send({ url: 'http://trusted.example:9080/' });
      await get().remove('serviceentries', 'trusted');
      figures.add('wrong server identity', `${answer.status} ${answer.body.slice(0, 60)}`);
      expect(answer.status).toBe(503);
    });

    test('TCP by address, server first, through mTLS', async () => {
      await get().apply(`apiVersion: v1
kind: Service
metadata: { name: greeter }
spec:
  ports: [{ port: 4000, name: tcp }]
  selector: { app: greeter }
`);
      await get().run(echoPlan('greeter', { ports: ['http', 'tcp'] }));
      const client = await get().run(echoPlan('tcp-client'));
      const port = client.ports.outbound.get('greeter.default.svc.cluster.local:4000')!;
      const talked = await converse(port, 'ping\n');
      figures.add('TCP by address, server first', JSON.stringify(talked));
      expect(talked).toBe('hello from greeter\nping\n');
    });
  });
}

/** Asks in plain text on a connection of its own; what came back. */
async function plainRequest(port: number): Promise<string> {
  const client = new LoadClient();
  const { status } = await client.send({ url: `http://127.0.0.1:${port}/details/0` });
  client.close();
  return status === 0 ? 'refused' : `status ${status}`;
}

/** Shakes hands with a sidecar's port showing no certificate, then asks; says whether anything was answered. */
function handshake(port: number): Promise<'refused' | 'answered'> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connectTls({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['istio'],
    });
    const end = (result: 'refused' | 'answered'): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on('secureConnect', () => {
      // A TLS 1.3 client learns only after its handshake that its missing certificate was refused.
      new X509Certificate(socket.getPeerCertificate().raw);
      socket.write('GET / HTTP/1.1\r\nhost: details\r\n\r\n');
    });
    socket.on('data', () => end('answered'));
    socket.on('error', () => end('refused'));
    socket.on('close', () => end('refused'));
  });
}

/** Says `line` after the greeting and answers all that came until the echo is there, at most five seconds. */
function converse(port: number, line: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    let heard = '';
    const end = (): void => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(5000, end);
    socket.on('error', end);
    socket.on('close', end);
    socket.on('data', (chunk) => {
      const greeted = heard.includes('\n');
      heard += chunk.toString();
      if (!greeted && heard.includes('\n')) socket.write(line);
      if (heard.endsWith(line)) end();
    });
  });
}
