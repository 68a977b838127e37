import type { ConfigObject } from '@lateen/config-schema';
import { structOf } from '@lateen/protos';
import { expect, test } from 'vitest';
import { compileEndpoints, compileProxy, type ConfigSnapshot, createMeshModel, parseProxy } from './index.ts';

const collections = {
  VirtualService: 'istio/networking/v1alpha3/virtualservices',
  ServiceEntry: 'istio/networking/v1alpha3/serviceentries',
  Gateway: 'istio/networking/v1alpha3/gateways',
  AuthorizationPolicy: 'istio/security/v1beta1/authorizationpolicies',
} as const;

function object(kind: keyof typeof collections, name: string, spec: unknown): ConfigObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop', labels: {}, annotations: {} }, spec };
}

function snapshot(...objects: ConfigObject[]): ConfigSnapshot {
  const byCollection = new Map<string, Map<string, ConfigObject>>();
  for (const one of objects) {
    const collection = collections[one.kind as keyof typeof collections];
    const known = byCollection.get(collection) ?? new Map<string, ConfigObject>();
    known.set(`shop/${one.metadata.name}`, one);
    byCollection.set(collection, known);
  }
  return { revision: 1, objects: byCollection };
}

const endpoints = [{ address: '10.0.0.1', labels: { app: 'web' } }];
const web = object('ServiceEntry', 'web', {
  hosts: ['web.shop.svc.cluster.local'],
  ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
  location: 1,
  resolution: 1,
  endpoints,
});
const node = parseProxy({
  id: 'sidecar~10.0.0.1~web.shop~shop.svc.cluster.local',
  metadata: structOf({ LABELS: { app: 'web' } }),
});
const model = (...objects: ConfigObject[]) =>
  createMeshModel(snapshot(...objects), { domainSuffix: 'cluster.local' });

test('a VirtualService that cannot be compiled leaves its service with the default route and is reported', () => {
  const broken = object('VirtualService', 'web', {
    hosts: ['web'],
    http: [{ redirect: { redirectCode: 399 } }],
  });
  const { routes, problems } = compileProxy(model(web, broken), node);
  expect(routes.get('80')?.virtualHosts?.map(({ name }) => name)).toEqual([
    'web.shop.svc.cluster.local:80',
    'allow_any',
  ]);
  expect(problems).toEqual([
    {
      object: 'istio/networking/v1alpha3/virtualservices shop/web',
      message: 'redirect code 399 is none of 301, 302, 303, 307 and 308',
    },
  ]);
});

test('an AuthorizationPolicy that cannot be compiled is reported once for all chains', () => {
  const broken = object('AuthorizationPolicy', 'odd', {
    rules: [{ when: [{ key: 'weather', values: ['fine'] }] }],
  });
  expect(compileProxy(model(web, broken), node).problems).toEqual([
    {
      object: 'istio/security/v1beta1/authorizationpolicies shop/odd',
      message: 'rule 0: condition key weather is unknown',
    },
  ]);
});

test('endpoints alone are those of the whole compilation', () => {
  const index = model(web);
  const whole = compileProxy(index, node).endpoints;
  expect(compileEndpoints(index, node, whole.keys())).toEqual(whole);
  expect(
    compileEndpoints(index, node, ['inbound|80||', 'outbound|81||web.shop.svc.cluster.local', '']).size,
  ).toBe(0);
});

test('a label called __proto__ is a label', () => {
  const labels = JSON.parse('{"__proto__": "x", "app": "web"}') as Record<string, string>;
  const odd = object('ServiceEntry', 'odd', {
    ...(web.spec as object),
    endpoints: [{ address: '10.0.0.9', labels }],
  });
  expect(compileProxy(model(odd), node).problems).toEqual([]);
});

test('of two Gateways with one host on one port only the served one has routes', () => {
  const gateway = (name: string, credentialName: string): ConfigObject =>
    object('Gateway', name, {
      selector: { app: 'edge' },
      servers: [
        {
          port: { number: 443, name: 'https', protocol: 'HTTPS' },
          hosts: ['shop.example.com'],
          tls: { mode: 1, credentialName },
        },
      ],
    });
  const router = parseProxy({
    id: 'router~10.0.0.2~edge.shop~shop.svc.cluster.local',
    metadata: structOf({ LABELS: { app: 'edge' } }),
  });
  const { listeners, routes, problems } = compileProxy(
    model(gateway('a', 'one'), gateway('b', 'two')),
    router,
  );
  expect([...listeners.values()].flatMap(({ filterChains }) => filterChains ?? []).length).toBe(1);
  expect([...routes.keys()]).toEqual(['https.443.https.a.shop']);
  expect(problems.map(({ message }) => message)).toEqual(['port 443 already serves shop.example.com']);
});
