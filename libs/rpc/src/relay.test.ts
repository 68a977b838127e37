import { join } from 'node:path';
import { silentLogger } from '@lateen/runtime';
import { createTemporaryFolder, type TemporaryFolder } from '@lateen/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createRpcServer,
  insecureChannel,
  insecureServer,
  methods,
  RpcClient,
  RpcError,
  RpcServices,
  type Relay,
  relayStreams,
  rpcStatus,
} from './index.ts';

let folder: TemporaryFolder;
let relay: Relay;
let client: RpcClient;
let upstream: ReturnType<typeof createRpcServer>;
const stops: (() => Promise<void> | void)[] = [];
const ended: string[] = [];

beforeEach(async () => {
  folder = createTemporaryFolder();
  ended.length = 0;
  const services = new RpcServices(silentLogger).stream(methods.mcpSource, async (stream) => {
    stream.caller.signal.addEventListener('abort', () => ended.push('aborted'));
    for await (const { collection = '' } of stream.requests) {
      if (collection === 'refuse') throw new RpcError(rpcStatus.PERMISSION_DENIED, 'not you');
      if (collection === 'flood') {
        for (let index = 0; index < 200; index += 1) {
          if (!stream.send({ collection: 'x'.repeat(10_000), nonce: String(index) })) await stream.drained();
        }
        return;
      }
      stream.send({ collection });
    }
    ended.push('half-closed');
  });
  const at = (name: string): string => `unix:${join(folder.path, name)}`;
  const credentials = insecureServer();
  upstream = createRpcServer({
    name: 'upstream',
    address: at('up'),
    credentials,
    services,
    drainTimeoutMs: 20,
  });
  await upstream.start();
  const channel = new RpcClient(at('up'), insecureChannel());
  const relayed = new RpcServices(silentLogger);
  relay = relayStreams(relayed, [methods.mcpSource], channel);
  const server = createRpcServer({
    name: 'relay',
    address: at('relay'),
    credentials,
    services: relayed,
    drainTimeoutMs: 20,
  });
  await server.start();
  client = new RpcClient(at('relay'), insecureChannel());
  stops.push(
    () => upstream.stop(),
    () => channel.close(),
    () => server.stop(),
    () => client.close(),
  );
});

afterEach(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  folder[Symbol.dispose]();
});

function open() {
  const stream = client.stream(methods.mcpSource);
  const responses = stream.responses[Symbol.asyncIterator]();
  const next = async (): Promise<string | undefined> => {
    const result = await responses.next();
    return result.done ? undefined : result.value.collection;
  };
  return { ...stream, next };
}

test('messages pass both ways, and a half-close reaches upstream', async () => {
  const stream = open();
  stream.send({ collection: 'a' });
  expect(await stream.next()).toBe('a');
  stream.send({ collection: 'b' });
  expect(await stream.next()).toBe('b');
  expect(relay.open).toBe(1);
  stream.end();
  expect(await stream.next()).toBeUndefined();
  expect(ended).toContain('half-closed');
  expect(relay.open).toBe(0);
});

test('everything that upstream sent arrives before the end, in order', async () => {
  const stream = open();
  stream.send({ collection: 'flood' });
  const nonces: string[] = [];
  for await (const { nonce = '' } of stream.responses) nonces.push(nonce);
  expect(nonces).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
});

test("upstream's status is the downstream's", async () => {
  const stream = open();
  stream.send({ collection: 'refuse' });
  await expect(stream.next()).rejects.toMatchObject({
    status: rpcStatus.PERMISSION_DENIED,
    message: 'not you',
  });
});

test('the loss of upstream ends the stream, and a later one finds it again', async () => {
  const stream = open();
  stream.send({ collection: 'a' });
  await stream.next();
  await upstream.stop();
  await expect(stream.next()).rejects.toBeInstanceOf(RpcError);
  expect(relay.open).toBe(0);
});

test('a downstream that goes away is not kept upstream', async () => {
  const stream = open();
  stream.send({ collection: 'a' });
  await stream.next();
  stream.cancel();
  await expect.poll(() => ended).toContain('aborted');
  expect(relay.open).toBe(0);
});

test('closing the relay ends its streams', async () => {
  const stream = open();
  stream.send({ collection: 'a' });
  await stream.next();
  relay.close();
  await expect(stream.next()).rejects.toMatchObject({ status: rpcStatus.UNAVAILABLE });
});
