import { formatViolation, kinds, objectFromJson, preferredApiVersion } from '@lateen/config-schema';
import { corpusJson, tally, type Tally } from './corpus.ts';

type Json = { [key: string]: unknown };

interface Row {
  readonly id: string;
  readonly level: 'resource' | 'field' | 'value';
  readonly function: string;
  readonly type?: string;
  readonly kind?: string;
  readonly meta?: Json;
  readonly extra?: Json;
  readonly spec?: unknown;
  readonly input?: unknown;
  readonly valid: boolean;
  readonly warning: boolean;
  readonly pureData: boolean;
}

/** Long texts are written `{"$repeat": "a", "count": 3, …}`. */
function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== 'object' || value === null) return value;
  const json = value as Json;
  if (typeof json.$repeat === 'string')
    return `${json.$prefix ?? ''}${json.$repeat.repeat(Number(json.count))}${json.tail ?? ''}`;
  return Object.fromEntries(Object.entries(json).map(([key, child]) => [key, expand(child)]));
}

const destination = { destination: { host: 'foo.baz' } };
const present = (field: string, value: unknown): Json =>
  value === null || value === undefined ? {} : { [field]: value };

type Parent = (spec: unknown, extra: Json) => { kind: string; spec: Json };

const httpRoute = (route: Json): { kind: string; spec: Json } => ({
  kind: 'VirtualService',
  spec: { hosts: ['foo.bar'], http: [route] },
});
const trafficPolicy = (policy: Json): { kind: string; spec: Json } => ({
  kind: 'DestinationRule',
  spec: { host: 'foo.bar', trafficPolicy: policy },
});
const server = (over: Json): { kind: string; spec: Json } => ({
  kind: 'Gateway',
  spec: {
    servers: [{ hosts: ['foo.bar.com'], port: { name: 'http', number: 80, protocol: 'HTTP' }, ...over }],
  },
});

const meshConfig = (settings: Json): { kind: string; spec: Json } => ({
  kind: 'ConfigMap',
  spec: { data: { mesh: JSON.stringify(settings) } },
});

/** The least resource around a message that upstream tests by itself. */
const parents: ReadonlyMap<string, Parent> = new Map<string, Parent>([
  [
    'validateHTTPRoute',
    (spec, extra) => ({
      kind: 'VirtualService',
      spec: { ...(extra.delegate ? {} : { hosts: ['foo.bar'] }), http: [spec] },
    }),
  ],
  ['validateHTTPRedirect', (spec) => httpRoute(spec ? { redirect: spec } : { route: [destination] })],
  [
    'validateHTTPDirectResponse',
    (spec) => httpRoute(spec ? { directResponse: spec } : { route: [destination] }),
  ],
  ['validateHTTPRewrite', (spec) => httpRoute({ route: [destination], ...present('rewrite', spec) })],
  [
    'validateURIRegexRewrite',
    (spec) => httpRoute({ route: [destination], ...present('rewrite', spec && { uriRegexRewrite: spec }) }),
  ],
  [
    'validateHTTPFaultInjectionAbort',
    (spec) => httpRoute({ route: [destination], ...present('fault', spec && { abort: spec }) }),
  ],
  [
    'validateHTTPFaultInjectionDelay',
    (spec) => httpRoute({ route: [destination], ...present('fault', spec && { delay: spec }) }),
  ],
  ['ValidateHTTPRetry', (spec) => httpRoute({ route: [destination], ...present('retries', spec) })],
  ['validateCORSPolicy', (spec) => httpRoute({ route: [destination], ...present('corsPolicy', spec) })],
  ['validateDestination', (spec) => httpRoute({ route: [{ destination: spec }] })],
  ['validateRouteDestinations', (spec) => httpRoute({ route: spec })],
  ['ValidateTLS', (spec) => trafficPolicy({ tls: spec })],
  ['validateConnectionPool', (spec) => trafficPolicy({ connectionPool: spec })],
  ['validateOutlierDetection', (spec) => trafficPolicy({ outlierDetection: spec })],
  ['validateTrafficPolicy', (spec) => trafficPolicy(spec as Json)],
  [
    'validateLoadBalancer',
    (spec, extra) => trafficPolicy({ loadBalancer: spec, ...present('outlierDetection', extra.outlier) }),
  ],
  [
    'ValidateLocalityLbSetting',
    (spec, extra) =>
      trafficPolicy({
        loadBalancer: present('localityLbSetting', spec),
        ...present('outlierDetection', extra.outlier),
      }),
  ],
  [
    'ValidateZoneAwareLbSetting',
    (spec, extra) =>
      trafficPolicy({
        loadBalancer: present('zoneAwareLbSetting', spec),
        ...present('outlierDetection', extra.outlier),
      }),
  ],
  ['validateServer', (spec) => ({ kind: 'Gateway', spec: { servers: [spec] } })],
  ['validateServerPort', (spec) => server({ port: spec })],
  [
    'validateTLSOptions',
    (spec) => server({ port: { name: 'https', number: 443, protocol: 'HTTPS' }, tls: spec }),
  ],
  ['ValidateConnectTimeout', (spec) => meshConfig({ connectTimeout: spec })],
  ['ValidateProtocolDetectionTimeout', (spec) => meshConfig({ protocolDetectionTimeout: spec })],
  ['ValidateDrainDuration', (spec) => meshConfig({ defaultConfig: { drainDuration: spec } })],
  ['validateMeshConfigDefaultTrafficPolicy', (spec) => meshConfig(present('defaultTrafficPolicy', spec))],
  ['validateServiceSettings', (spec) => meshConfig(spec as Json)],
  ['validateTelemetryFilter', (spec) => ({ kind: 'Telemetry', spec: { accessLogging: [{ filter: spec }] } })],
]);

function resourceOf(row: Row): { kind: string; spec: unknown } | undefined {
  const spec = expand(row.spec ?? row.input);
  if (row.level === 'resource') {
    const definition = kinds.find(
      (each) => each.kind === row.kind && each.group !== 'gateway.networking.k8s.io',
    );
    // A message of another type under the kind's validator: what it is called there is no kind at all.
    const kind = definition?.message === row.type ? definition?.kind : row.type?.split('.').at(-1);
    return { kind: kind ?? '', spec };
  }
  return parents.get(row.function)?.(spec, row.extra ?? {});
}

function documentOf(row: Row, { kind, spec }: { kind: string; spec: unknown }): Json {
  const definition = kinds.find((each) => each.kind === kind) ?? kinds.find((each) => each.kind === row.kind);
  return {
    apiVersion: definition ? preferredApiVersion(definition) : 'networking.istio.io/v1',
    kind,
    metadata: { name: kind === 'ConfigMap' ? 'istio' : 'name', namespace: 'default', ...row.meta },
    ...(definition?.body === 'root' ? (spec as Json) : { spec }),
  };
}

/**
 * Rows that YAML can't tell apart: Go's nil and empty, or a table's wish that its data doesn't carry. Found, not listed:
 * the same document with two verdicts.
 */
function contradictions(rows: readonly { document: Json; row: Row }[]): ReadonlySet<Row> {
  const byDocument = new Map<string, Row[]>();
  for (const { document, row } of rows) {
    const key = JSON.stringify([
      document.kind,
      document.spec,
      row.meta?.annotations ?? {},
      row.meta?.labels ?? {},
    ]);
    byDocument.set(key, [...(byDocument.get(key) ?? []), row]);
  }
  const found = new Set<Row>();
  for (const group of byDocument.values())
    if (new Set(group.map(({ valid }) => valid)).size > 1)
      for (const row of group) if (!row.valid) found.add(row);
  return found;
}

/** Verdict of every row of a level: valid or not, with a warning or not. */
export function validationTally(level: 'resource' | 'field'): Tally {
  const { cases } = corpusJson('validation/cases.json') as { cases: readonly Row[] };
  const rows = cases.flatMap((row) => {
    const fits =
      row.pureData &&
      (row.level === level || (level === 'field' && row.function === 'validateRouteDestinations'));
    const resource = fits ? resourceOf(row) : undefined;
    return resource ? [{ row, document: documentOf(row, resource) }] : [];
  });
  const undecidable = contradictions(rows);
  return tally(
    rows
      .filter(({ row }) => !undecidable.has(row))
      .map(({ row, document }) => {
        const { violations } = objectFromJson(document);
        // What this data plane doesn't support is ours to say and no part of Istio's verdict.
        const said = violations.filter(({ path, severity }) => !(path === 'kind' && severity === 'warning'));
        const valid = said.every(({ severity }) => severity !== 'error');
        const warning = said.some(({ severity }) => severity === 'warning');
        const text = said.map(formatViolation).join('; ');
        if (valid !== row.valid)
          return [row.id, `expected ${row.valid ? 'valid' : 'an error'}, found ${text || 'valid'}`] as const;
        // An error hides which warnings would have come with it.
        if (row.valid && warning !== row.warning)
          return [
            row.id,
            `expected ${row.warning ? 'a warning' : 'no warning'}, found ${text || 'none'}`,
          ] as const;
        return [row.id, undefined] as const;
      }),
  );
}
