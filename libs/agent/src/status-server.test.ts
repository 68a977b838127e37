import { createHttpOrigin } from '@lateen/testing';
import { expect, test } from 'vitest';
import { createStatusServer, isProxyReady } from './status-server.ts';

test('ready, not ready with the reason, and nothing else', async () => {
  let complaint: string | undefined = 'no certificate yet';
  const server = createStatusServer({ port: 0, complaint: async () => complaint });
  await server.start();
  const ask = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return [response.status, await response.text()];
  };
  expect(await ask('/healthz/ready')).toEqual([503, 'no certificate yet\n']);
  complaint = undefined;
  expect(await ask('/healthz/ready')).toEqual([200, 'ready\n']);
  expect((await ask('/certs'))[0]).toBe(404);
  await server.stop();
  await server.stop();
});

test("the proxy's readiness is its admin endpoint's answer", async () => {
  let status = 503;
  const admin = await createHttpOrigin((_request, response) => void response.writeHead(status).end());
  expect(await isProxyReady(admin.port)).toBe(false);
  status = 200;
  expect(await isProxyReady(admin.port)).toBe(true);
  expect(admin.seen[0]?.path).toBe('/ready');
  await admin[Symbol.asyncDispose]();
  expect(await isProxyReady(admin.port)).toBe(false);
});
