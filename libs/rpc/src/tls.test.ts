import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { silentLogger, WatchValue } from '@lateen/runtime';
import { createTestAuthority } from '@lateen/testing';
import { afterEach, expect, test } from 'vitest';
import {
  channelCredentials,
  createRpcServer,
  methods,
  principalsOf,
  RpcClient,
  RpcServices,
  rootCredentials,
  rpcStatus,
  serverCredentials,
  type TlsIdentity,
} from './index.ts';

const authority = createTestAuthority({ nowMs: Date.now() });
const pilot = 'spiffe://cluster.local/ns/istio-system/sa/pilot';
const proxy = 'spiffe://cluster.local/ns/default/sa/proxy';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
});

type Identity = WatchValue<TlsIdentity | undefined>;

const watched = (identity: TlsIdentity | undefined): Identity => new WatchValue(identity);

/** A server that answers whom it sees, on a unary call and on a stream. */
async function serve(identity: Identity, clientCertificate: 'required' | 'optional'): Promise<number> {
  const services = new RpcServices(silentLogger)
    .unary(methods.createCertificate, (_request, caller) => ({ certChain: [...caller.principals] }))
    .stream(methods.mcpSource, async (stream) => {
      for await (const { collection = '' } of stream.requests) stream.send({ collection });
    });
  const credentials = serverCredentials(identity, { clientCertificate });
  const server = createRpcServer({
    name: 'test',
    address: '127.0.0.1:0',
    credentials,
    services,
    drainTimeoutMs: 50,
  });
  await server.start();
  stops.push(() => server.stop());
  return server.port;
}

function client(port: number, credentials: ReturnType<typeof rootCredentials>): RpcClient {
  const created = new RpcClient(`127.0.0.1:${port}`, credentials, {
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 50,
  });
  stops.push(() => created.close());
  return created;
}

const whoAmI = (caller: RpcClient): Promise<readonly string[] | undefined> =>
  caller.unary(methods.createCertificate, {}, { timeoutMs: 3000 }).then(({ certChain }) => certChain);

test('both sides know each other', async () => {
  const port = await serve(watched(authority.issue(pilot)), 'required');
  const credentials = channelCredentials(watched(authority.issue(proxy)), { serverPrincipals: [pilot] });
  expect(await whoAmI(client(port, credentials))).toEqual([proxy]);
});

test('another principal than the expected one is not talked to', async () => {
  const port = await serve(watched(authority.issue(proxy)), 'optional');
  const rows = [
    channelCredentials(watched(authority.issue(proxy)), { serverPrincipals: [pilot] }),
    rootCredentials(authority.root, { serverPrincipals: [pilot] }),
  ];
  for (const credentials of rows) {
    await expect(whoAmI(client(port, credentials))).rejects.toMatchObject({
      status: rpcStatus.UNAVAILABLE,
      message: expect.stringContaining(`the server is ${proxy}, expected ${pilot}`),
    });
  }
});

test('a server of another root, or with an expired certificate, is not talked to', async () => {
  const stranger = createTestAuthority({ nowMs: Date.now() });
  const expired = authority.issue(pilot, { notAfterMs: Date.now() - 1000 });
  for (const identity of [stranger.issue(pilot), expired]) {
    const port = await serve(watched(identity), 'optional');
    const credentials = rootCredentials(authority.root, { serverPrincipals: [pilot] });
    await expect(whoAmI(client(port, credentials))).rejects.toMatchObject({ status: rpcStatus.UNAVAILABLE });
  }
});

test('a client certificate that does not verify counts for nothing, or is refused where one is required', async () => {
  const stranger = createTestAuthority({ nowMs: Date.now() }).issue(proxy);
  const expired = authority.issue(proxy, { notAfterMs: Date.now() - 1000 });
  const optional = await serve(watched(authority.issue(pilot)), 'optional');
  const required = await serve(watched(authority.issue(pilot)), 'required');
  for (const shown of [stranger, expired]) {
    const identity = watched({ ...shown, trustBundle: authority.root });
    const credentials = () => channelCredentials(identity, { serverPrincipals: [pilot] });
    expect(await whoAmI(client(optional, credentials()))).toEqual([]);
    await expect(whoAmI(client(required, credentials()))).rejects.toMatchObject({
      status: rpcStatus.UNAVAILABLE,
    });
  }
  const none = rootCredentials(authority.root, { serverPrincipals: [pilot] });
  expect(await whoAmI(client(optional, none))).toEqual([]);
  await expect(whoAmI(client(required, none))).rejects.toMatchObject({ status: rpcStatus.UNAVAILABLE });
});

/** Serial number of the certificate that a new handshake is shown. */
async function servedSerial(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('rotation reaches new handshakes of both sides and leaves open streams alone', async () => {
  const server = watched(authority.issue(pilot));
  const own = watched(authority.issue(proxy));
  const port = await serve(server, 'required');
  const caller = client(port, channelCredentials(own, { serverPrincipals: [pilot] }));
  const stream = caller.stream(methods.mcpSource);
  const responses = stream.responses[Symbol.asyncIterator]();
  const echo = async (text: string): Promise<string | undefined> => {
    stream.send({ collection: text });
    const next = await responses.next();
    return next.done ? undefined : next.value.collection;
  };
  expect(await echo('before')).toBe('before');
  const serial = await servedSerial(port);
  server.set(authority.issue(pilot));
  own.set(authority.issue(`${proxy}2`));
  await Promise.resolve();
  expect(await servedSerial(port)).not.toBe(serial);
  expect(await echo('after')).toBe('after');
  const later = client(port, channelCredentials(own, { serverPrincipals: [pilot] }));
  expect(await whoAmI(later)).toEqual([`${proxy}2`]);
  stream.cancel();
});

test('a new trust bundle is asked of new connections', async () => {
  const other = createTestAuthority({ nowMs: Date.now() });
  const server = watched(authority.issue(pilot));
  const port = await serve(server, 'optional');
  const shown = watched({ ...other.issue(proxy), trustBundle: authority.root });
  const call = () => whoAmI(client(port, channelCredentials(shown, { serverPrincipals: [pilot] })));
  expect(await call()).toEqual([]);
  server.set({ ...server.current!, trustBundle: authority.root + other.root });
  await Promise.resolve();
  expect(await call()).toEqual([proxy]);
});

test('calls wait for the first certificate of either side', async () => {
  const server = watched(undefined);
  const own = watched(undefined);
  const port = await serve(server, 'required');
  const answer = whoAmI(client(port, channelCredentials(own, { serverPrincipals: [pilot] })));
  server.set(authority.issue(pilot));
  own.set(authority.issue(proxy));
  expect(await answer).toEqual([proxy]);
});

test('the server hands out no session to resume', async () => {
  const port = await serve(watched(authority.issue(pilot)), 'optional');
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'], maxVersion };
    let session: Buffer | undefined;
    const first = connect(options).on('session', (given: Buffer) => (session = given));
    await once(first, 'data'); // HTTP/2 settings come after the handshake's tickets
    session ??= first.getSession();
    first.destroy();
    const second: TLSSocket = connect({ ...options, session });
    await once(second, 'secureConnect');
    expect(second.isSessionReused(), maxVersion).toBe(false);
    second.destroy();
  }
});

test('a name that only looks like an id is none', () => {
  const { certificateChain } = authority.issue('https://example.com/', {
    dnsNames: [`a, URI:${pilot}`, `b, URI:${pilot}, c`],
  });
  const raw = Buffer.from(certificateChain.replace(/-----.*-----/g, ''), 'base64');
  expect(principalsOf({ raw } as Parameters<typeof principalsOf>[0])).toEqual([]);
});
