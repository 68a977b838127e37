import { kindOfType } from '@lateen/attributes';
import {
  type DecodedParams,
  decodeParams,
  type Handler,
  type Instance,
  refuse,
  type TypedValue,
  valueText,
} from '@lateen/mixer-rules';
import {
  type adapter_prometheus_config_Params,
  type adapter_prometheus_config_Params_MetricInfo,
  durationMs,
  enumOf,
  type google_protobuf_Duration,
} from '@lateen/protos';
import type { Clock, Timer } from '@lateen/runtime';
import { type Adapter, defineAdapter } from './adapter.ts';
import type { MetricDefinition, MetricStore, StoredMetric } from './metric-store.ts';

const { GAUGE, COUNTER, DISTRIBUTION } = enumOf('adapter.prometheus.config.Params.MetricInfo.Kind');
const kinds: ReadonlyMap<number | undefined, MetricDefinition['kind']> = new Map([
  [GAUGE, 'gauge'],
  [COUNTER, 'counter'],
  [DISTRIBUTION, 'histogram'],
]);

/** Series of one metric; label values may come from requests, so their number is bounded. */
const mostSeries = 50_000;

/** Counts and measures for Prometheus. Source: istio/istio `mixer/adapter/prometheus`. */
export const prometheus: Adapter = defineAdapter<adapter_prometheus_config_Params>({
  name: 'prometheus',
  templates: ['metric'],
  decode(params): DecodedParams<adapter_prometheus_config_Params> {
    const decoded = decodeParams('adapter.prometheus.config.Params', params);
    if ('complaints' in decoded) return decoded;
    const { metrics = [], metricsExpirationPolicy: policy } = decoded.config;
    if (policy && !((durationMs(policy.metricsExpiryDuration) ?? 0) > 0)) {
      return refuse('spec.params.metricsExpirationPolicy.metricsExpiryDuration', 'must be longer than 0');
    }
    const known = new Map<string, string>();
    for (const [index, metric] of metrics.entries()) {
      const path = `spec.params.metrics[${index}]`;
      const definition = definitionOf(metric);
      if (!definition) return refuse(`${path}.kind`, 'expected GAUGE, COUNTER or DISTRIBUTION');
      if (!/^[A-Za-z_:][\w:]*$/.test(definition.name))
        return refuse(`${path}.name`, `${definition.name} is no metric name`);
      const bad = definition.labels.find((label) => !/^[A-Za-z_]\w*$/.test(label) || label === 'le');
      if (bad !== undefined) return refuse(`${path}.labelNames`, `${bad} is no label name`);
      const shape = JSON.stringify([definition.kind, definition.labels]);
      if ((known.get(definition.name) ?? shape) !== shape)
        return refuse(path, `${definition.name} is defined twice, and differently`);
      known.set(definition.name, shape);
    }
    return decoded;
  },
  create: (config, { clock, store }) => new PrometheusHandler(config, store, clock),
});

/** Name of a metric with its namespace as Prometheus takes it. */
function metricName({
  namespace = '',
  name = '',
  instanceName = '',
}: adapter_prometheus_config_Params_MetricInfo): string {
  const safe = (text: string): string =>
    text.replace(/^\//, '').replaceAll(/[/. ]/g, '_').replaceAll('-', '');
  return `${safe(namespace || 'istio')}_${safe(name || instanceName)}`;
}

/** Definition of a configured metric; `undefined` when its kind is unknown. */
function definitionOf(metric: adapter_prometheus_config_Params_MetricInfo): MetricDefinition | undefined {
  const kind = kinds.get(metric.kind);
  if (!kind) return undefined;
  const buckets = kind === 'histogram' ? bucketBounds(metric.buckets) : undefined;
  return {
    name: metricName(metric),
    help: metric.description ?? '',
    kind,
    labels: [...new Set(metric.labelNames ?? [])].sort(),
    ...(buckets ? { buckets } : {}),
  };
}

/** Upper bounds of a histogram's buckets; `undefined` for Prometheus' own. One more bound than finite buckets. */
export function bucketBounds(
  definition: adapter_prometheus_config_Params_MetricInfo['buckets'],
): readonly number[] | undefined {
  const {
    linearBuckets: linear,
    exponentialBuckets: exponential,
    explicitBuckets: explicit,
  } = definition ?? {};
  if (explicit) return explicit.bounds ?? [];
  const count = Math.min((linear ?? exponential)?.numFiniteBuckets ?? 0, 1000) + 1;
  const indices = Array.from({ length: count }, (_none, index) => index);
  if (linear) return indices.map((index) => (linear.offset ?? 0) + (linear.width ?? 0) * index);
  if (exponential)
    return indices.map((index) => (exponential.scale ?? 0) * (exponential.growthFactor ?? 0) ** index);
  return undefined;
}

/** Number of a metric's value: durations in seconds, texts as they read. `undefined`: it has none. */
function numberOf({ type, value }: TypedValue): number | undefined {
  switch (kindOfType(type)) {
    case 'int64':
    case 'double':
      return value as number;
    case 'duration': {
      const { seconds = 0, nanos = 0 } = value as google_protobuf_Duration;
      return seconds + nanos / 1e9;
    }
    case 'string': {
      const text = (value as string).trim();
      const number = Number(text);
      return text === '' || Number.isNaN(number) ? undefined : number;
    }
    default:
      return undefined;
  }
}

interface Target {
  readonly metric: StoredMetric;
  readonly labels: readonly string[];
  /** Series with the time of their last record, monotonic milliseconds, the oldest first. */
  readonly series: Map<string, { readonly values: Readonly<Record<string, string>>; seenAt: number }>;
}

/** Handler that keeps the metrics of its configuration. */
class PrometheusHandler implements Handler {
  readonly #targets = new Map<string, Target>();
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(config: adapter_prometheus_config_Params, store: MetricStore, clock: Clock) {
    this.#clock = clock;
    for (const info of config.metrics ?? []) {
      const definition = definitionOf(info);
      if (!definition) continue;
      const target = { metric: store.define(definition), labels: definition.labels, series: new Map() };
      this.#targets.set(info.instanceName || info.name || '', target);
    }
    const expiryMs = durationMs(config.metricsExpirationPolicy?.metricsExpiryDuration);
    if (expiryMs) {
      const intervalMs =
        durationMs(config.metricsExpirationPolicy?.expiryCheckIntervalDuration) || expiryMs / 2;
      this.#scheduleExpiry(expiryMs, intervalMs);
    }
  }

  report(instances: readonly Instance[]): void {
    const complaints: string[] = [];
    for (const instance of instances) {
      const complaint = this.#record(instance);
      if (complaint !== undefined && complaints.length < 10) complaints.push(complaint);
    }
    if (complaints.length > 0) throw new Error(complaints.join('; '));
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #record(instance: Instance): string | undefined {
    const target = this.#targets.get(instance.name);
    if (!target) return `could not find metric info from adapter config for ${instance.name}`;
    const value = instance.values.get('value');
    const number = value && numberOf(value);
    if (number === undefined) return `could not get value of ${instance.name}`;
    const dimensions = instance.maps.get('dimensions');
    const values: Record<string, string> = {};
    for (const label of target.labels) {
      const dimension = dimensions?.get(label);
      values[label] = dimension ? valueText(dimension) : '';
    }
    const key = JSON.stringify(target.labels.map((label) => values[label]));
    if (!target.series.delete(key) && target.series.size >= mostSeries)
      return `${instance.name} has too many series`;
    target.series.set(key, { values, seenAt: this.#clock.monotonic() });
    target.metric.record(values, number);
    return undefined;
  }

  #scheduleExpiry(expiryMs: number, intervalMs: number): void {
    this.#timer = this.#clock.after(intervalMs, () => {
      const oldest = this.#clock.monotonic() - expiryMs;
      for (const { metric, series } of this.#targets.values()) {
        for (const [key, { values, seenAt }] of series) {
          if (seenAt > oldest) break;
          series.delete(key);
          metric.remove(values);
        }
      }
      this.#scheduleExpiry(expiryMs, intervalMs);
    });
  }
}
