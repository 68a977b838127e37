import { request } from 'node:http';
import { createTestAuthority } from '@lateen/testing';
import { expect, test } from 'vitest';
import { clusterTo, listenerOf, loopback, startDataPlane, tcpProxy } from '../data-plane.fixture.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(
  port: number | undefined,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.once('error', reject);
    call.end();
  });
}

test('the admin server shows what is in force, keeps keys to itself and changes nothing by GET', async () => {
  const identity = createTestAuthority({ nowMs: Date.now() }).issue('spiffe://cluster.local/ns/a/sa/b');
  const secret = {
    name: 's',
    tls_certificate: {
      certificate_chain: { inline_string: identity.certificateChain },
      private_key: { inline_string: identity.privateKey },
    },
  };
  const transport_socket = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: { tls_certificates: [secret.tls_certificate] },
    },
  };
  await using proxy = await startDataPlane(
    {
      listeners: [listenerOf('l', [{ transport_socket, filters: [tcpProxy('c')] }])],
      clusters: [clusterTo('c', 1)],
      secrets: [secret],
    },
    { bootstrap: { admin: { address: loopback(0) }, node: { id: 'n' } } },
  );
  const get = (path: string, options?: Parameters<typeof ask>[2]) => ask(proxy.adminPort, path, options);

  expect(await get('/ready')).toEqual({ status: 200, body: 'LIVE\n' });
  expect((await get('/clusters')).body).toContain('c::127.0.0.1:1::health_flags::healthy\n');
  expect((await get('/listeners')).body).toBe(`l::127.0.0.1:${proxy.port('l')}\n`);
  expect((await get('/stats/prometheus')).body).toContain(
    'envoy_cluster_membership_total{envoy_cluster_name="c"} 1',
  );
  expect((await get('/stats')).body).toContain('envoy_cluster_membership_total{envoy_cluster_name="c"}: 1');
  expect(JSON.parse((await get('/server_info')).body)).toMatchObject({ state: 'LIVE', node: { id: 'n' } });
  expect((await get('/certs')).body).toContain('URI:spiffe://cluster.local/ns/a/sa/b');
  const dump = (await get('/config_dump')).body;
  expect(dump).toContain('ListenersConfigDump');
  expect(dump).toContain('[redacted]');
  expect(dump).not.toContain('PRIVATE KEY');
  const keyInBase64 = Buffer.from(identity.privateKey).toString('base64').slice(40, 80);
  expect(dump).not.toContain(keyInBase64);

  expect((await get('/nonsense')).status).toBe(404);
  expect((await get('/drain_listeners')).status).toBe(405);
  expect((await get('/ready', { headers: { host: 'evil.example' } })).status).toBe(403);
  expect((await get('/ready', { headers: { origin: 'http://localhost' } })).status).toBe(403);
  expect((await get('/drain_listeners', { method: 'POST' })).status).toBe(200);
  expect(proxy.port('l')).toBeUndefined();
});
