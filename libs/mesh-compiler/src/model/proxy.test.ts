import { structOf } from '@lateen/protos';
import { expect, test } from 'vitest';
import { parseProxy, sharesLoopback, speaksHttp2 } from './proxy.ts';

test('a bare id says type, address, name and namespace', () => {
  expect(
    parseProxy({ id: 'router~10.0.0.2~edge.istio-system~istio-system.svc.cluster.local' }),
  ).toMatchObject({
    type: 'router',
    addresses: ['10.0.0.2'],
    name: 'edge',
    namespace: 'istio-system',
    interception: 'redirect',
    inbound: undefined,
    features: undefined,
  });
});

test('metadata of a sidecar without redirection, as values or as their JSON text', () => {
  const inbound = [{ port: 21001, appPort: 31001, name: 'http' }];
  for (const given of [inbound, JSON.stringify(inbound)]) {
    const proxy = parseProxy({
      id: 'sidecar~127.0.0.1~a.b~b.svc.cluster.local',
      metadata: structOf({
        INTERCEPTION_MODE: 'NONE',
        LATEEN_INBOUND: given,
        LATEEN_OUTBOUND: { '27017': '31017' },
        LATEEN_FEATURES: [],
      }),
    });
    expect(proxy.inbound).toEqual(inbound);
    expect(proxy.outbound).toEqual(new Map([['27017', 31017]]));
    expect(sharesLoopback(proxy)).toBe(true);
    expect(speaksHttp2(proxy)).toBe(false);
  }
});

test('malformed metadata is left out', () => {
  const metadata = structOf({
    LATEEN_INBOUND: '[{',
    LATEEN_OUTBOUND: 'x',
    HTTP_PROXY_PORT: '99999',
    LABELS: 'no',
  });
  expect(parseProxy({ id: '', metadata })).toMatchObject({
    inbound: undefined,
    outbound: undefined,
    httpProxyPort: undefined,
  });
});
