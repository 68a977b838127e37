import type { MapNode, Node } from './node.ts';

/** Group of Mixer's kinds. */
export const mixerGroup = 'config.istio.io';

/** Annotation that keeps the kind which an object of the old spelling was written with. */
export const legacyKindAnnotation = 'config.istio.io/legacy-kind';

/** Adapters that were kinds before 1.1: `kind: denier` is a handler. Source: Istio 1.0 mixer/adapter/metadata. */
const adapterKinds: ReadonlySet<string> = new Set([
  'bypass',
  'circonus',
  'cloudwatch',
  'denier',
  'dogstatsd',
  'fluentd',
  'kubernetesenv',
  'listchecker',
  'memquota',
  'noop',
  'opa',
  'prometheus',
  'rbac',
  'redisquota',
  'servicecontrol',
  'signalfx',
  'solarwinds',
  'stackdriver',
  'statsd',
  'stdio',
  'zipkin',
]);

/** Templates that were kinds before 1.1: `kind: metric` is an instance. */
const templateKinds: ReadonlySet<string> = new Set([
  'apikey',
  'authorization',
  'checknothing',
  'edge',
  'kubernetes',
  'listentry',
  'logentry',
  'metric',
  'quota',
  'reportnothing',
  'servicecontrolreport',
  'tracespan',
]);

/** Every kind of the old spelling. */
export const legacyKinds: readonly string[] = [...adapterKinds, ...templateKinds];

/** Today's kind for one of the old spelling. */
export function legacyKind(kind: string): 'handler' | 'instance' | undefined {
  if (adapterKinds.has(kind)) return 'handler';
  return templateKinds.has(kind) ? 'instance' : undefined;
}

/**
 * Spec of today's kind around the parameters of the old spelling: `{compiledAdapter: kind, params}` or
 * `{compiledTemplate: kind, params}`. An instance's attribute bindings stood among its parameters.
 */
export function legacySpec(kind: string, params: Node): MapNode {
  const scalar: Node = { kind: 'scalar', offset: params.offset, value: kind };
  const entry = (key: string, value: Node): MapNode['entries'][number] => ({
    key,
    keyOffset: params.offset,
    value,
  });
  if (legacyKind(kind) === 'handler')
    return {
      kind: 'map',
      offset: params.offset,
      entries: [entry('compiledAdapter', scalar), entry('params', params)],
    };
  const entries = [entry('compiledTemplate', scalar)];
  if (params.kind !== 'map')
    return { kind: 'map', offset: params.offset, entries: [...entries, entry('params', params)] };
  const isBinding = ({ key }: MapNode['entries'][number]): boolean =>
    key === 'attributeBindings' || key === 'attribute_bindings';
  entries.push(entry('params', { ...params, entries: params.entries.filter((each) => !isBinding(each)) }));
  const bindings = params.entries.find(isBinding);
  if (bindings) entries.push(bindings);
  return { kind: 'map', offset: params.offset, entries };
}

/** Name of the object in today's spelling: rules call it by `NAME.KIND`, and two kinds may share a name. */
export function legacyName(kind: string, name: string): string {
  return `${name}.${kind}`;
}
