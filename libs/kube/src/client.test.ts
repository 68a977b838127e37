import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@lateen/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KubeClient, KubeError, type ResourceType, resourcePath, type WatchEvent } from './index.ts';

const things: ResourceType = { apiVersion: 'example.io/v1', plural: 'things', namespaced: true };
const nodes: ResourceType = { apiVersion: 'v1', plural: 'nodes', namespaced: false };

type Answer = (request: IncomingMessage & { text: string }, response: ServerResponse) => void;

let server: Server;
let client: KubeClient;
/** Answers in the order of the requests; the last one answers the rest. */
let answers: Answer[];
let requests: string[];

beforeEach(async () => {
  answers = [];
  requests = [];
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      requests.push(`${request.method} ${request.url}${text ? ` ${text}` : ''}`);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      answer(Object.assign(request, { text }), response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new KubeClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'secret',
    clock: systemClock,
    random: () => 0,
    timeoutMs: 300,
  });
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const json =
  (body: unknown, status = 200): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
const event = (type: string, name: string, resourceVersion: string): string =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion } } })}\n`;
const thing = { apiVersion: 'example.io/v1', kind: 'Thing', metadata: { name: 'a' } };

test.each([
  [resourcePath(things), '/apis/example.io/v1/things'],
  [resourcePath(things, 'ns'), '/apis/example.io/v1/namespaces/ns/things'],
  [resourcePath(things, 'n s', 'a/b'), '/apis/example.io/v1/namespaces/n%20s/things/a%2Fb'],
  [resourcePath(nodes, 'ignored', 'n'), '/api/v1/nodes/n'],
])('%s', (found, expected) => expect(found).toBe(expected));

test('the token goes with each request; lists, objects and writes are typed', async () => {
  answers = [
    (request, response) =>
      json({ metadata: { resourceVersion: request.headers.authorization }, items: [thing] })(
        request,
        response,
      ),
    json(thing),
    json(thing, 201),
    json(thing),
    json({ metadata: { resourceVersion: '7' } }),
  ];
  expect(await client.list(things)).toEqual({ resourceVersion: 'Bearer secret', items: [thing] });
  expect(await client.get(things, 'ns', 'a')).toEqual(thing);
  expect(await client.create(things, 'ns', thing)).toEqual(thing);
  expect(await client.replace(things, 'ns', thing)).toEqual(thing);
  expect(await client.delete(things, 'ns', 'a')).toBe(7);
  expect(requests.slice(2)).toEqual([
    `POST /apis/example.io/v1/namespaces/ns/things ${JSON.stringify(thing)}`,
    `PUT /apis/example.io/v1/namespaces/ns/things/a ${JSON.stringify(thing)}`,
    'DELETE /apis/example.io/v1/namespaces/ns/things/a',
  ]);
});

test('what is not there is undefined, other refusals are errors with their violations', async () => {
  answers = [
    json({ message: 'no' }, 404),
    json({ message: 'no' }, 404),
    json({ violations: [{ path: 'spec', message: 'm', severity: 'error' }] }, 422),
  ];
  expect(await client.get(things, 'ns', 'a')).toBeUndefined();
  expect(await client.delete(things, 'ns', 'a')).toBeUndefined();
  const error = await client.apply([{ file: 'f', documents: '' }]).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KubeError);
  expect(error).toMatchObject({ status: 422, retryable: false, violations: [{ path: 'spec' }] });
});

test('a server that is silent or gone is told apart from one that refuses', async () => {
  answers = [() => {}];
  await expect(client.list(things)).rejects.toMatchObject({
    status: 0,
    code: 'LTN_KUBE_UNREACHABLE',
    retryable: true,
  });
  const nobody = new KubeClient({
    baseUrl: 'http://127.0.0.1:9',
    token: '',
    clock: systemClock,
    random: () => 0,
  });
  await expect(nobody.list(things)).rejects.toMatchObject({
    status: 0,
    message: expect.stringContaining('127.0.0.1:9'),
  });
});

test('a watch goes on where it broke, and ends with 410 when that is too old', async () => {
  answers = [
    (_request, response) => {
      response.writeHead(200);
      response.write(event('ADDED', 'a', '5') + event('BOOKMARK', '', '8').slice(0, 10));
      response.write(event('BOOKMARK', '', '8').slice(10), () => response.destroy());
    },
    json({}, 503),
    (_request, response) => response.end(event('MODIFIED', 'a', '9')),
    (_request, response) =>
      response.end(`${JSON.stringify({ type: 'ERROR', object: { code: 410, message: 'too old' } })}\n`),
  ];
  const events: WatchEvent[] = [];
  const watching = (async () => {
    const { signal } = new AbortController();
    for await (const each of client.watch(things, { resourceVersion: '4', signal })) events.push(each);
  })();
  await expect(watching).rejects.toMatchObject({ status: 410, code: 'LTN_KUBE_EXPIRED' });
  expect(events.map((each) => each.type)).toEqual(['ADDED', 'BOOKMARK', 'MODIFIED']);
  expect(requests.map((request) => /resourceVersion=(\d+)/.exec(request)?.[1])).toEqual(['4', '8', '8', '9']);
});

test('an aborted watch ends without an error', async () => {
  answers = [(_request, response) => void response.writeHead(200).write(event('ADDED', 'a', '5'))];
  const abort = new AbortController();
  for await (const each of client.watch(things, { resourceVersion: '4', signal: abort.signal })) {
    expect(each.type).toBe('ADDED');
    abort.abort();
  }
});
