/** A counter bound to its labels. */
export interface Counter {
  /** Adds `amount` (1 when absent); never negative. */
  inc(amount?: number): void;
  readonly value: number;
}

/** A gauge bound to its labels. */
export interface Gauge {
  set(value: number): void;
  add(amount: number): void;
  readonly value: number;
}

/** A histogram bound to its labels. */
export interface Histogram {
  observe(value: number): void;
}

/** Label names and values of one series. */
export type Labels = Readonly<Record<string, string>>;

/** Envoy's and Istio's latency buckets, milliseconds. */
export const latencyBucketsMs: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000,
];

interface Family {
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly series: Map<string, { text: () => string; instance: unknown }>;
}

function labelText(labels: Labels, extra?: string): string {
  const escape = (value: string): string =>
    value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  if (extra) parts.push(extra);
  return parts.length > 0 ? `{${parts.join(',')}}` : '';
}

/**
 * Metrics of one process in Prometheus' model. A series is bound once, where its labels become known, and then costs
 * an addition: nothing is looked up on the request path.
 */
export class MetricsRegistry {
  readonly #families = new Map<string, Family>();

  /** Counter series; the same name and labels answer the same counter. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#bind(name, help, 'counter', labels, () => {
      const series = {
        value: 0,
        inc(amount = 1) {
          series.value += amount;
        },
      };
      return { instance: series, text: () => `${name}${labelText(labels)} ${series.value}\n` };
    });
  }

  /** Gauge series. */
  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    return this.#bind(name, help, 'gauge', labels, () => {
      const series = {
        value: 0,
        set(value: number) {
          series.value = value;
        },
        add(amount: number) {
          series.value += amount;
        },
      };
      return { instance: series, text: () => `${name}${labelText(labels)} ${series.value}\n` };
    });
  }

  /** Histogram series with upper bounds in ascending order. */
  histogram(name: string, help: string, buckets: readonly number[], labels: Labels = {}): Histogram {
    return this.#bind(name, help, 'histogram', labels, () => {
      const counts = new Float64Array(buckets.length + 1);
      let sum = 0;
      const observe = (value: number): void => {
        let index = 0;
        while (index < buckets.length && value > buckets[index]!) index += 1;
        counts[index]! += 1;
        sum += value;
      };
      const text = (): string => {
        let out = '';
        let total = 0;
        for (let index = 0; index <= buckets.length; index += 1) {
          total += counts[index]!;
          const bound = index < buckets.length ? String(buckets[index]) : '+Inf';
          out += `${name}_bucket${labelText(labels, `le="${bound}"`)} ${total}\n`;
        }
        return `${out}${name}_sum${labelText(labels)} ${sum}\n${name}_count${labelText(labels)} ${total}\n`;
      };
      return { instance: { observe }, text };
    });
  }

  /** Drops a series, for instance of a cluster that is gone. */
  remove(name: string, labels: Labels = {}): void {
    this.#families.get(name)?.series.delete(labelText(labels));
  }

  /** Everything in Prometheus' text format 0.0.4. */
  text(): string {
    let out = '';
    for (const [name, family] of this.#families) {
      if (family.series.size === 0) continue;
      out += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`;
      for (const series of family.series.values()) out += series.text();
    }
    return out;
  }

  #bind<T>(
    name: string,
    help: string,
    type: Family['type'],
    labels: Labels,
    create: () => { instance: T; text: () => string },
  ): T {
    let family = this.#families.get(name);
    if (!family) this.#families.set(name, (family = { help, type, series: new Map() }));
    if (family.type !== type) throw new Error(`metric ${name} is a ${family.type}, not a ${type}`);
    const key = labelText(labels);
    let series = family.series.get(key);
    if (!series) family.series.set(key, (series = create()));
    return series.instance as T;
  }
}
