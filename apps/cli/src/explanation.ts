import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compileRbacFilter } from '@lateen/authorization';
import {
  type ConfigObject,
  decodeDocument,
  definitionOf,
  kinds,
  objectFromJson,
  parseDocuments,
} from '@lateen/config-schema';
import {
  type ConfigSnapshot,
  createMeshModel,
  type ExplainedRequest,
  explainCall,
  type Explanation,
  type MeshModel,
  parseProxy,
  type Proxy,
} from '@lateen/mesh-compiler';
import { type Json, structOf } from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import { connectMesh } from './connection.ts';
import { outputFormat, print } from './output.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';

/** The options of `lateen explain`, as given. */
export interface ExplainOptions {
  readonly from: string;
  readonly header?: readonly string[];
  readonly filename?: string;
  readonly output: string;
}

interface Source {
  readonly snapshot: ConfigSnapshot;
  /** `file:line` by path of object in metadata, `NAMESPACE/KIND/NAME`. */
  readonly positions: ReadonlyMap<string, string>;
}

const httpProxyPort = 15080;
const virtualService = 'virtual-service';

/**
 * Explains one request: reads the configuration (files, else the running mesh), compiles the caller's proxy and follows
 * the request through it to the server's policies. Answers the exit code: 1 if the request would fail.
 * @param stateDir folder of the running mesh's state, if the command names one
 * @throws CommandFailure when a file, the URL or a header can't be read
 */
export async function explain(
  surroundings: Surroundings,
  stateDir: string | undefined,
  method: string,
  url: string,
  options: ExplainOptions,
): Promise<number> {
  const format = outputFormat(options.output);
  const request = requestOf(method, url, options.header ?? []);
  const source =
    options.filename === undefined
      ? await readMesh(surroundings, stateDir)
      : readFiles(options.filename, surroundings);
  const model = createMeshModel(source.snapshot, { domainSuffix: 'cluster.local' });
  const explanation = explainCall(model, callerOf(model, source.snapshot, options.from), {
    request,
    judge: (filter, judged) => compileRbacFilter(filter, 'rbac').enforced?.decide(judged),
  });
  if (format === 'table') surroundings.out(`${told(explanation, source.positions).join('\n')}\n`);
  else print(surroundings, format, explanation, { columns: [], rows: [] });
  return explanation.outcome === 'failure' ? 1 : 0;
}

function requestOf(method: string, text: string, given: readonly string[]): ExplainedRequest {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    throw new CommandFailure(`"${text}" is no URL: expected http://HOST[:PORT]/PATH`, 2);
  }
  const headers = new Map<string, string>();
  for (const header of given) {
    const colon = header.indexOf(':');
    if (colon <= 0) throw new CommandFailure(`header "${header}": expected NAME: VALUE`, 2);
    headers.set(header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim());
  }
  const tls = url.protocol === 'https:';
  return {
    method: method.toUpperCase(),
    host: headers.get('host') ?? url.hostname,
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    tls,
    headers,
  };
}

function snapshotOf(objects: readonly ConfigObject[]): ConfigSnapshot {
  const byCollection = new Map<string, Map<string, ConfigObject>>();
  for (const object of objects) {
    const definition = definitionOf(object);
    if (!definition) continue;
    const { metadata } = object;
    const namespace = metadata.namespace || (definition.namespaced ? 'default' : '');
    const known = byCollection.get(definition.collection) ?? new Map<string, ConfigObject>();
    known.set(`${namespace}/${metadata.name}`, { ...object, metadata: { ...metadata, namespace } });
    byCollection.set(definition.collection, known);
  }
  return { revision: 0, objects: byCollection };
}

function readFiles(name: string, surroundings: Surroundings): Source {
  const path = resolve(surroundings.workingFolder, name);
  const objects: ConfigObject[] = [];
  try {
    const files = statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((entry) => /\.(ya?ml|json)$/.test(entry))
          .sort()
          .map((entry) => ({ shown: join(name, entry), real: join(path, entry) }))
      : [{ shown: name, real: path }];
    for (const { shown, real } of files) {
      for (const document of parseDocuments(readFileSync(real, 'utf8'), shown).documents) {
        const { object } = decodeDocument(document);
        if (object) objects.push(object);
      }
    }
  } catch (error) {
    throw new CommandFailure(`${name} can't be read: ${messageOf(error)}`);
  }
  if (objects.length === 0) throw new CommandFailure(`${name} holds no configuration`);
  const positions = new Map<string, string>();
  for (const { kind, metadata, position } of objects) {
    if (kind !== 'VirtualService' || !position) continue;
    const key = `${metadata.namespace || 'default'}/${virtualService}/${metadata.name}`;
    positions.set(key, `${position.file ?? name}:${position.line}`);
  }
  return { snapshot: snapshotOf(objects), positions };
}

async function readMesh(surroundings: Surroundings, stateOption: string | undefined): Promise<Source> {
  const mesh = connectMesh(surroundings, stateOption);
  const objects: ConfigObject[] = [];
  for (const { group, versions, plural, namespaced, kind } of kinds) {
    if (kind === 'Secret') continue;
    const version = versions[0] ?? 'v1';
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const { items } = await mesh.galley.list({ apiVersion, plural, namespaced });
    for (const item of items) {
      const { object } = objectFromJson({ ...item, apiVersion, kind });
      if (object) objects.push(object);
    }
  }
  return { snapshot: snapshotOf(objects), positions: new Map() };
}

/** What a caller's entry says of it. */
interface CallerEntry {
  readonly address: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly serviceAccount: string;
}

function entryOf(
  model: MeshModel,
  snapshot: ConfigSnapshot,
  name: string,
  namespace: string,
): CallerEntry | undefined {
  const object = snapshot.objects
    .get('istio/networking/v1alpha3/workloadentries')
    ?.get(`${namespace}/${name}`);
  if (object) {
    const spec = object.spec as {
      address?: string;
      labels?: { [key: string]: string };
      serviceAccount?: string;
    };
    return {
      address: spec.address ?? '',
      labels: new Map(Object.entries(spec.labels ?? {})),
      serviceAccount: spec.serviceAccount ?? '',
    };
  }
  for (const service of model.services) {
    if (service.namespace !== namespace) continue;
    for (const port of service.ports) {
      const found = model
        .endpoints(service, port)
        .find((one) => one.workloadName === name || one.labels.get('app') === name);
      if (found) return found;
    }
  }
  return undefined;
}

/** The proxy beside a workload: a router where a Gateway selects it, an HTTP proxy where it shares a loopback. */
function callerOf(model: MeshModel, snapshot: ConfigSnapshot, from: string): Proxy {
  const dot = from.indexOf('.');
  const name = dot < 0 ? from : from.slice(0, dot);
  const gateway = name === 'istio-ingressgateway';
  const namespace = dot < 0 ? (gateway ? model.rootNamespace : 'default') : from.slice(dot + 1);
  const entry = entryOf(model, snapshot, name, namespace);
  const labels: { [key: string]: string } = entry
    ? Object.fromEntries(entry.labels)
    : gateway
      ? { istio: 'ingressgateway' }
      : { app: name };
  const selected = model.gateways.some(({ spec }) => {
    const pairs = Object.entries(spec.selector ?? {});
    return pairs.length > 0 && pairs.every(([key, value]) => labels[key] === value);
  });
  const address = entry?.address || '192.0.2.1';
  const local = !selected && address.startsWith('127.');
  const metadata: { [key: string]: Json } = {
    NAMESPACE: namespace,
    LABELS: labels,
    SERVICE_ACCOUNT: entry?.serviceAccount || 'default',
    ...(local
      ? { INTERCEPTION_MODE: 'NONE', HTTP_PROXY_PORT: String(httpProxyPort), LATEEN_INBOUND: [] }
      : {}),
  };
  return parseProxy({
    id: `${selected ? 'router' : 'sidecar'}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    metadata: structOf(metadata),
  });
}

/** The explanation as lines, in the order of the request's way. */
function told(explanation: Explanation, positions: ReadonlyMap<string, string>): string[] {
  const { server } = explanation;
  const line = (name: string, value: string | undefined): string[] =>
    value ? [`${`${name}:`.padEnd(15)}${value}`] : [];
  const origin = (object: string | undefined): string => {
    const found = /\/namespaces\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(object ?? '');
    if (!found) return '';
    const at = positions.get(`${found[1]}/${found[2]}/${found[3]}`);
    return ` (${found[1]}/${found[3]}${at ? `, ${at}` : ''})`;
  };
  return [
    ...line('listener', explanation.listener),
    ...line('filter chain', explanation.filterChain),
    ...line('routes', explanation.routeConfig),
    ...line('virtual host', explanation.virtualHost),
    ...explanation.rules.map(
      ({ route, taken, reason, object }) =>
        `  ${taken ? 'taken  ' : 'passed '} ${route}${origin(object)}${reason ? `: ${reason}` : ''}`,
    ),
    ...line('cluster', explanation.cluster),
    ...line('subset', explanation.subset),
    ...line('endpoints', explanation.endpoints.join(', ')),
    ...(server
      ? [
          ...line('server', `${server.workload} at ${server.endpoint}`),
          ...line('mTLS', server.mtls),
          ...line('policies', server.policies.join(', ') || 'none'),
          ...line('verdict', `${server.allowed ? 'allowed' : 'refused'}${by(server.decidedBy)}`),
        ]
      : []),
    ...line('outcome', explanation.outcome),
    ...line('because', explanation.failure),
    ...line('nearest miss', explanation.nearestMiss),
  ];
}

function by(policy: string | undefined): string {
  return policy ? ` by ${policy}` : '';
}
