import { decodeDocument, definitionOf, parseDocuments } from '@lateen/config-schema';
import { structOf } from '@lateen/protos';
import { expect, test } from 'vitest';
import { type ConfigSnapshot, compileProxy, createMeshModel, parseProxy } from '../index.ts';

const services = ['a', 'b']
  .flatMap((namespace) => ['x', 'y'].map((name) => ({ name, namespace })))
  .map(
    ({ name, namespace }, index) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  hosts: [${name}.${namespace}.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 90, name: tcp, protocol: TCP}]
  endpoints: [{address: 10.0.0.${index + 1}}]
`,
  )
  .join('---');

function snapshotOf(text: string): ConfigSnapshot {
  const objects = new Map<string, Map<string, NonNullable<ReturnType<typeof decodeDocument>['object']>>>();
  for (const document of parseDocuments(text).documents) {
    const { object } = decodeDocument(document);
    const collection = object && definitionOf(object)?.collection;
    if (!object || !collection) continue;
    const known = objects.get(collection) ?? new Map();
    known.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
    objects.set(collection, known);
  }
  return { revision: 1, objects };
}

function sidecar(name: string, namespace: string, spec: object): string {
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata: { name, namespace },
    spec,
  });
}

function outbound(sidecars: readonly string[], labels: { [key: string]: string } = {}): string[] {
  const model = createMeshModel(snapshotOf([services, ...sidecars].join('\n---\n')), {
    domainSuffix: 'cluster.local',
  });
  const proxy = parseProxy({
    id: 'sidecar~10.9.9.9~client.a~a.svc.cluster.local',
    metadata: structOf({ LABELS: labels }),
  });
  const { clusters, endpoints } = compileProxy(model, proxy);
  return [...clusters.keys()]
    .filter((name) => name.startsWith('outbound|'))
    .map((name) => `${name.split('|')[1]} ${name.split('|')[3]}:${endpoints.get(name)?.endpoints?.length}`)
    .map((text) => text.replace('.svc.cluster.local', ''));
}

const everything = ['x.a', 'x.b', 'y.a', 'y.b'].flatMap((host) => [`80 ${host}:1`, `90 ${host}:1`]);
const own = sidecar('own', 'a', { egress: [{ hosts: ['./*'] }] });
const mesh = sidecar('mesh', 'istio-system', { egress: [{ hosts: ['b/*'] }] });
const selected = sidecar('selected', 'a', {
  workloadSelector: { labels: { app: 'client' } },
  egress: [{ port: { number: 80, protocol: 'HTTP', name: 'http' }, hosts: ['*/x.b.svc.cluster.local'] }],
});

test.each([
  ['no Sidecar', [], {}, everything],
  ['the namespace’s own', [own], {}, ['80 x.a:1', '90 x.a:1', '80 y.a:1', '90 y.a:1']],
  ['the root namespace’s', [mesh], {}, ['80 x.b:1', '90 x.b:1', '80 y.b:1', '90 y.b:1']],
  ['the namespace’s before the root’s', [mesh, own], {}, ['80 x.a:1', '90 x.a:1', '80 y.a:1', '90 y.a:1']],
  ['the workload’s, one port of it', [own, selected], { app: 'client' }, ['80 x.b:1']],
  ['nothing at all', [sidecar('none', 'a', { egress: [{ hosts: ['~/*'] }] })], {}, []],
])('a proxy sees the services of %s', (_, sidecars, labels, expected) => {
  expect(outbound(sidecars, labels)).toEqual(expected);
});
