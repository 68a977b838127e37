import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What a metric is. */
export interface MetricDefinition {
  /** Full name, `istio_requests_total`. */
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** A metric that takes values. */
export interface StoredMetric {
  record(labels: Readonly<Record<string, string>>, value: number): void;
  /** Drops one series. */
  remove(labels: Readonly<Record<string, string>>): void;
}

interface Entry {
  readonly fingerprint: string;
  readonly metric: StoredMetric;
}

/**
 * Metrics of all Prometheus handlers, served together. A metric that is defined anew as it was goes on counting; one
 * that is defined otherwise starts anew in the old one's place.
 */
export class MetricStore {
  readonly #registry = new Registry();
  readonly #entries = new Map<string, Entry>();

  /** @throws Error when the definition is none that Prometheus takes. */
  define(definition: MetricDefinition): StoredMetric {
    const fingerprint = JSON.stringify([definition.kind, definition.labels, definition.buckets]);
    const known = this.#entries.get(definition.name);
    if (known?.fingerprint === fingerprint) return known.metric;
    if (known) this.#registry.removeSingleMetric(definition.name);
    const metric = create(definition, this.#registry);
    this.#entries.set(definition.name, { fingerprint, metric });
    return metric;
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Content type of `text`. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}

function create(definition: MetricDefinition, registry: Registry): StoredMetric {
  const { name, help, kind, labels, buckets } = definition;
  const base = { name, help: help || name, labelNames: [...labels], registers: [registry] };
  if (kind === 'counter') {
    const counter = new Counter(base);
    return {
      record: (values, amount) => counter.inc(values, amount),
      remove: (values) => counter.remove(values),
    };
  }
  if (kind === 'gauge') {
    const gauge = new Gauge(base);
    return {
      record: (values, amount) => gauge.set(values, amount),
      remove: (values) => gauge.remove(values),
    };
  }
  const histogram = new Histogram({ ...base, ...(buckets ? { buckets: [...buckets] } : {}) });
  return {
    record: (values, amount) => histogram.observe(values, amount),
    remove: (values) => histogram.remove(values),
  };
}
