import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createHttpOrigin, createTcpOrigin } from './index.ts';

test('an HTTP origin remembers requests with their bodies', async () => {
  await using origin = await createHttpOrigin(
    (request, response) => void response.end(`saw ${request.body}`),
  );
  const response = await fetch(`http://127.0.0.1:${origin.port}/a?b`, { method: 'POST', body: 'some text' });
  expect(await response.text()).toBe('saw some text');
  expect(await origin.waitFor(1)).toMatchObject([
    { method: 'POST', path: '/a?b', body: Buffer.from('some text') },
  ]);
});

test('a TCP origin speaks first, answers, and goes with its connections', async () => {
  const origin = await createTcpOrigin({
    greeting: 'hi',
    answer: (bytes, socket) => void socket.write(bytes),
  });
  const socket = connect(origin.port, '127.0.0.1');
  expect(String((await once(socket, 'data'))[0])).toBe('hi');
  socket.write('ping');
  expect(String((await once(socket, 'data'))[0])).toBe('ping');
  expect(origin.seen.map(String)).toEqual(['ping']);
  const closed = once(socket, 'close');
  await origin[Symbol.asyncDispose]();
  await closed;
});
