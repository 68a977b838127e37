import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, test } from 'vitest';
import { dial, httpManager, listenerOf, readUntil, startDataPlane } from '../data-plane.fixture.ts';

test('an idle connection to a host that left the cluster is closed', async () => {
  const accepted: Socket[] = [];
  const server = createServer((_, response) => response.end('here'));
  server.on('connection', (socket: Socket) => accepted.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let addresses = ['127.0.0.1'];
  const endpoint = {
    address: {
      socket_address: { address: 'origin.test', port_value: (server.address() as AddressInfo).port },
    },
  };
  await using proxy = await startDataPlane(
    {
      listeners: [listenerOf('l', [{ filters: [httpManager('c')] }])],
      clusters: [
        {
          name: 'c',
          type: 'STRICT_DNS',
          dns_lookup_family: 'V4_ONLY',
          dns_refresh_rate: '0.1s',
          load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
        },
      ],
    },
    { resolver: async () => addresses },
  );
  const client = await dial(proxy.port('l'));
  client.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  await readUntil(client, 'here');
  expect(accepted).toHaveLength(1);
  const closed = new Promise((resolve) => accepted[0]!.once('close', resolve));
  addresses = ['127.255.255.254'];
  await closed;
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});
