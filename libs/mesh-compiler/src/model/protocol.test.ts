import { expect, test } from 'vitest';
import { protocolOfServicePort } from './protocol.ts';

test.each([
  [{ name: 'http', port: 80 }, 'http'],
  [{ name: 'http-web', port: 80 }, 'http'],
  [{ name: 'grpc-web-x', port: 80 }, 'grpc-web'],
  [{ name: 'grpc', port: 80 }, 'grpc'],
  [{ name: 'mongo', port: 27017 }, 'mongo'],
  [{ name: 'httpx', port: 80 }, 'unsupported'],
  [{ name: '', port: 3306 }, 'tcp'],
  [{ name: '', port: 9080 }, 'unsupported'],
  [{ name: 'tcp', port: 80, appProtocol: 'HTTP2' }, 'http2'],
  [{ name: 'tcp', port: 80, appProtocol: 'example.com/own' }, 'tcp'],
  [{ name: 'http', port: 53, transport: 'UDP' }, 'udp'],
])('%j is %s', (port, protocol) => {
  expect(protocolOfServicePort(port)).toBe(protocol);
});
