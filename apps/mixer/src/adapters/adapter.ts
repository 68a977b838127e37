import type { AdapterType, Handler } from '@lateen/mixer-rules';
import type { Clock, Logger, MetricsRegistry } from '@lateen/runtime';
import type { LineWriter } from './line-writer.ts';
import type { MetricStore } from './metric-store.ts';

/** What handlers share with their process. */
export interface AdapterSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Mixer's own metrics. */
  readonly metrics: MetricsRegistry;
  /** Metrics that the Prometheus adapter serves. */
  readonly store: MetricStore;
  readonly stdout: LineWriter;
  readonly stderr: LineWriter;
}

/** An adapter that can be run. */
export interface Adapter extends AdapterType {
  /** Handler for what `decode` answered. */
  create(config: unknown, surroundings: AdapterSurroundings): Handler;
}

/** Joins the typed parts of an adapter: what `decode` answers is what `create` gets, and nobody else looks inside. */
export function defineAdapter<C>(
  adapter: AdapterType<C> & { create(config: C, surroundings: AdapterSurroundings): Handler },
): Adapter {
  return adapter as Adapter;
}
