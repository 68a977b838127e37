import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigObject, decodeDocument, definitionOf, parseDocuments } from '@lateen/config-schema';
import { compileProxy, createMeshModel, parseProxy } from '@lateen/mesh-compiler';
import { fromJson, type MessageName } from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import {
  dumpCases,
  dumpedResources,
  dumpInput,
  type DumpKind,
  dumpKinds,
  dumpsPresent,
} from './istiod/dumps.ts';
import { type Facts, factsOf } from './istiod/facts.ts';
import { resourceJson } from './istiod/resource-json.ts';

const messages = {
  cds: 'envoy.config.cluster.v3.Cluster',
  eds: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  lds: 'envoy.config.listener.v3.Listener',
  rds: 'envoy.config.route.v3.RouteConfiguration',
} as const satisfies Record<DumpKind, MessageName>;

function objectsOf(config: string, mesh: string): Map<string, Map<string, ConfigObject>> {
  const meshObject = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh },
  });
  const objects = new Map<string, Map<string, ConfigObject>>();
  for (const document of parseDocuments(`${config}\n---\n${meshObject}\n`).documents) {
    const { object } = decodeDocument(document);
    const collection = object && definitionOf(object)?.collection;
    if (!object || !collection) continue;
    const known = objects.get(collection) ?? new Map<string, ConfigObject>();
    known.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
    objects.set(collection, known);
  }
  return objects;
}

function compare(name: string): { agreed: number; total: number; differences: string[] } {
  const { config, mesh, nodes } = dumpInput(name);
  const model = createMeshModel(
    { revision: 1, objects: objectsOf(config, mesh) },
    { domainSuffix: 'cluster.local' },
  );
  const differences: string[] = [];
  let agreed = 0;
  let total = 0;
  for (const [node, message] of Object.entries(nodes)) {
    const proxy = parseProxy(fromJson('envoy.config.core.v3.Node', message));
    const { clusters, endpoints, listeners, routes } = compileProxy(model, proxy);
    const ours: Record<DumpKind, ReadonlyMap<string, object>> = {
      cds: clusters,
      eds: endpoints,
      lds: listeners,
      rds: routes,
    };
    for (const kind of dumpKinds) {
      const wanted: Facts = new Map();
      for (const [resource, body] of dumpedResources(name, node, kind))
        for (const fact of factsOf(kind, resource, body)) wanted.set(...fact);
      const found: Facts = new Map();
      for (const [resource, body] of ours[kind]) {
        for (const fact of factsOf(kind, resource, resourceJson(messages[kind], body))) found.set(...fact);
      }
      for (const key of new Set([...wanted.keys(), ...found.keys()])) {
        total += 1;
        if (wanted.get(key) === found.get(key)) agreed += 1;
        else
          differences.push(
            `${name}/${node} ${key}\n    istiod ${wanted.get(key) ?? '-'}\n    ours   ${found.get(key) ?? '-'}`,
          );
      }
    }
  }
  return { agreed, total, differences };
}

function floors(): Record<string, number> {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    'istiod-dumps'?: Record<string, number>;
  };
  return all['istiod-dumps'] ?? {};
}

if (!dumpsPresent)
  process.stderr.write('conformance/istiod-dumps: the dumps are absent, its cases are not run\n');

describe.runIf(dumpsPresent)('resources as istiod sends them', () => {
  test.each(dumpCases())('%s', (name) => {
    const { agreed, total, differences } = compare(name);
    process.stderr.write(`conformance/istiod-dumps ${name}: ${agreed} of ${total}\n`);
    if (process.env.LATEEN_CONFORMANCE_SHOW) process.stderr.write(`  ${differences.join('\n  ')}\n`);
    expect(agreed, differences.slice(0, 20).join('\n')).toBeGreaterThanOrEqual(floors()[name] ?? 0);
  });
});
