import type { DumpKind, Json, JsonObject } from './dumps.ts';

/** Comparable statements about a resource, by a path that says what each is about. */
export type Facts = Map<string, string>;

/** Fields that say nothing about routing: tracing tags, what our protos are too old for, Istio's own ALPN. */
const ignored: ReadonlySet<string> = new Set(['tracing', 'dnsJitter', 'requestIdExtension']);
const ignoredItems: ReadonlySet<Json> = new Set(['istio-peer-exchange']);

function camel(key: string): string {
  return /[.:]/.test(key) ? key : key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function isEmpty(value: Json): boolean {
  return value === '' || value === 0 || value === null || (Array.isArray(value) && value.length === 0);
}

/** `resourceJson` carries what an `Any` holds in a Struct; here it is put back in place. */
function openedAny(value: JsonObject): JsonObject {
  const inner = value['@type'] === 'type.googleapis.com/google.protobuf.Struct' ? value.value : undefined;
  return inner !== null && typeof inner === 'object' && !Array.isArray(inner) && inner['@type']
    ? inner
    : value;
}

/** One form for both sides: camelCase keys in order, proto3 defaults and what is ignored left out, numbers as text. */
function normal(value: Json): Json {
  if (Array.isArray(value)) return value.filter((item) => !ignoredItems.has(item)).map(normal);
  if (typeof value === 'string')
    return value.replace(/^(\d+)\.(\d*?)0+s$/, (_, whole: string, part: string) =>
      part ? `${whole}.${part}s` : `${whole}s`,
    );
  if (value === null || typeof value !== 'object') return typeof value === 'number' ? String(value) : value;
  const opened = openedAny(value);
  const entries = Object.entries(opened)
    .map(([key, item]): [string, Json] => [camel(key), item])
    .filter(([key, item]) => !ignored.has(key) && !isEmpty(item))
    .map(([key, item]): [string, Json] => [key, normal(item)])
    .filter(([key, item]) => key !== 'filterChainMatch' || JSON.stringify(item) !== '{}');
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function text(value: Json | undefined): string {
  return JSON.stringify(value ?? null);
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function object(value: Json | undefined): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function addFields(facts: Facts, path: string, fields: JsonObject, except: readonly string[]): void {
  for (const [key, value] of Object.entries(fields))
    if (!except.includes(key)) facts.set(`${path} ${key}`, text(value));
}

function chainFacts(facts: Facts, path: string, chain: JsonObject): void {
  addFields(facts, path, chain, ['filters']);
  for (const [index, filter] of list(chain.filters).entries()) {
    const { name, typedConfig } = object(filter);
    addFields(facts, `${path} filter ${index} ${String(name)}`, object(typedConfig), []);
  }
}

function listenerFacts(facts: Facts, path: string, listener: JsonObject): void {
  addFields(facts, path, listener, ['filterChains', 'defaultFilterChain', '@type']);
  facts.set(
    `${path} chain matches`,
    text(list(listener.filterChains).map((chain) => object(chain).filterChainMatch ?? {})),
  );
  for (const [index, chain] of list(listener.filterChains).entries())
    chainFacts(facts, `${path} chain ${index}`, object(chain));
  if (listener.defaultFilterChain)
    chainFacts(facts, `${path} default chain`, object(listener.defaultFilterChain));
}

function routeFacts(facts: Facts, path: string, routes: JsonObject): void {
  addFields(facts, path, routes, ['virtualHosts', '@type', 'ignorePortInHostMatching']);
  facts.set(`${path} hosts`, text(list(routes.virtualHosts).map((host) => object(host).name ?? '')));
  for (const host of list(routes.virtualHosts).map(object)) {
    addFields(facts, `${path} host ${String(host.name)}`, host, ['routes', 'name']);
    for (const [index, route] of list(host.routes).entries())
      facts.set(`${path} host ${String(host.name)} route ${index}`, text(route));
  }
}

function endpointFacts(facts: Facts, path: string, assignment: JsonObject): void {
  for (const [index, locality] of list(assignment.endpoints).entries()) {
    addFields(facts, `${path} locality ${index}`, object(locality), ['lbEndpoints']);
    for (const [at, endpoint] of list(object(locality).lbEndpoints).entries()) {
      facts.set(`${path} locality ${index} endpoint ${at}`, text(endpoint));
    }
  }
}

/** Facts of one resource. That it exists is the first. */
export function factsOf(kind: DumpKind, name: string, resource: JsonObject): Facts {
  const facts: Facts = new Map();
  const path = `${kind} ${name}`;
  const fields = object(normal(resource));
  facts.set(path, 'exists');
  if (kind === 'cds') addFields(facts, path, fields, ['@type']);
  if (kind === 'eds') endpointFacts(facts, path, fields);
  if (kind === 'lds') listenerFacts(facts, path, fields);
  if (kind === 'rds') routeFacts(facts, path, fields);
  return facts;
}
