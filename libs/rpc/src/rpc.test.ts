import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@lateen/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createRpcServer,
  insecureChannel,
  insecureServer,
  methods,
  RpcClient,
  RpcError,
  RpcServices,
  rpcStatus,
} from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-rpc-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function serve(services: RpcServices): Promise<{ client: RpcClient; stop: () => Promise<void> }> {
  const address = `unix:${join(folder, 'socket')}`;
  const server = createRpcServer({ name: 'test', address, credentials: insecureServer(), services });
  await server.start();
  const client = new RpcClient(address, insecureChannel());
  return {
    client,
    async stop() {
      client.close();
      await server.stop();
    },
  };
}

test('a unary call answers, and what the handler throws becomes the status', async () => {
  const services = new RpcServices(silentLogger).unary(methods.createCertificate, (request, caller) => {
    if (request.csr === 'bug') throw new TypeError('secret detail');
    if (request.csr === '') throw new RpcError(rpcStatus.INVALID_ARGUMENT, 'no CSR');
    return { certChain: [request.csr ?? '', caller.metadata('authorization') ?? ''] };
  });
  const { client, stop } = await serve(services);
  const call = (csr: string) =>
    client.unary(
      methods.createCertificate,
      { csr },
      { timeoutMs: 2000, metadata: { authorization: 'Bearer x' } },
    );
  expect((await call('a')).certChain).toEqual(['a', 'Bearer x']);
  await expect(call('')).rejects.toMatchObject({ status: rpcStatus.INVALID_ARGUMENT, message: 'no CSR' });
  await expect(call('bug')).rejects.toMatchObject({ status: rpcStatus.INTERNAL });
  await expect(call('bug')).rejects.not.toThrow(/secret/);
  await stop();
});

test('a stream carries both ways and ends when the handler returns', async () => {
  const services = new RpcServices(silentLogger).stream(methods.mcpSource, async (stream) => {
    for await (const request of stream.requests) {
      if (request.collection === 'stop') return;
      stream.send({ collection: request.collection, nonce: '1' });
    }
  });
  const { client, stop } = await serve(services);
  const stream = client.stream(methods.mcpSource);
  stream.send({ collection: 'a' });
  const seen: (string | undefined)[] = [];
  for await (const response of stream.responses) {
    seen.push(response.collection);
    stream.send({ collection: 'stop' });
  }
  expect(seen).toEqual(['a']);
  await stop();
});

test('a taken address says so', async () => {
  const services = new RpcServices(silentLogger).unary(methods.createCertificate, () => ({}));
  const first = createRpcServer({
    name: 'first',
    address: '127.0.0.1:0',
    credentials: insecureServer(),
    services,
  });
  await first.start();
  const address = `127.0.0.1:${first.port}`;
  const second = createRpcServer({ name: 'second', address, credentials: insecureServer(), services });
  await expect(second.start()).rejects.toThrow(/address is taken/);
  await first.stop();
});
