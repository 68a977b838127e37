import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeDocument, definitionOf, parseDocuments } from '@lateen/config-schema';
import { decode, encode, fromJson, type MessageName, toJson } from '@lateen/protos';
import { expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import {
  type ConfigSnapshot,
  compileProxy,
  createMeshModel,
  parseProxy,
  type ProxyResources,
} from './index.ts';

const folder = join(import.meta.dirname, '../testdata');
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.in.yaml'))
  .map((name) => name.slice(0, -'.in.yaml'.length));

/** First document of a case: the node that asks, and the names of the resources that the golden file shows. */
interface CaseHead {
  readonly node: unknown;
  readonly mixer?: { readonly address: string; readonly port: number };
  readonly show: { readonly [kind in keyof typeof messages]?: readonly string[] };
}

const messages = {
  clusters: 'envoy.config.cluster.v3.Cluster',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listeners: 'envoy.config.listener.v3.Listener',
  routes: 'envoy.config.route.v3.RouteConfiguration',
} as const satisfies Record<string, MessageName>;
const kinds = Object.keys(messages) as (keyof typeof messages)[];

function snapshotOf(text: string): ConfigSnapshot {
  const objects = new Map<string, Map<string, NonNullable<ReturnType<typeof decodeDocument>['object']>>>();
  const { documents, violations } = parseDocuments(text);
  expect(violations).toEqual([]);
  for (const document of documents) {
    const decoded = decodeDocument(document);
    expect(decoded.violations.filter(({ severity }) => severity === 'error')).toEqual([]);
    const collection = decoded.object && definitionOf(decoded.object)?.collection;
    if (!decoded.object || !collection) continue;
    const known = objects.get(collection) ?? new Map();
    known.set(`${decoded.object.metadata.namespace}/${decoded.object.metadata.name}`, decoded.object);
    objects.set(collection, known);
  }
  return { revision: 1, objects };
}

function compiled(name: string): { head: CaseHead; resources: ProxyResources } {
  const text = readFileSync(join(folder, `${name}.in.yaml`), 'utf8');
  const [first = ''] = text.split(/^---$/m);
  const head = parseAllDocuments(first)[0]?.toJS() as CaseHead;
  const model = createMeshModel(snapshotOf(text.slice(first.length)), {
    domainSuffix: 'cluster.local',
    ...(head.mixer ? { mixerAddress: head.mixer } : {}),
  });
  return {
    head,
    resources: compileProxy(model, parseProxy(fromJson('envoy.config.core.v3.Node', head.node))),
  };
}

test.each(cases)('%s', (name) => {
  const { head, resources } = compiled(name);
  const shown = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        names: [...resources[kind].keys()],
        ...Object.fromEntries(
          (head.show[kind] ?? []).map((resource) => [
            resource,
            toJson(messages[kind], resources[kind].get(resource) ?? {}),
          ]),
        ),
      },
    ]),
  );
  const path = join(folder, `${name}.out.yaml`);
  const text = stringify(
    { ...shown, problems: resources.problems },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
});

test.each(cases)('every resource of %s survives the wire', (name) => {
  const { resources } = compiled(name);
  for (const kind of kinds) {
    for (const resource of resources[kind].values()) {
      const bytes = encode(messages[kind], resource);
      expect(encode(messages[kind], decode(messages[kind], bytes))).toEqual(bytes);
    }
  }
});
