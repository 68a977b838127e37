import {
  type Counter,
  type Gauge,
  type Histogram,
  latencyBucketsMs,
  type MetricsRegistry,
} from '@lateen/runtime';
import type { UpstreamCluster } from '../cluster/cluster.ts';

/** Counters of one cluster's requests, by Envoy's names, bound once. */
export interface ClusterCounters {
  readonly total: Counter;
  /** By response class; index 1 to 5. */
  readonly byClass: readonly Counter[];
  readonly active: Gauge;
  readonly completed: Counter;
  readonly timeout: Counter;
  readonly perTryTimeout: Counter;
  readonly retry: Counter;
  readonly retrySuccess: Counter;
  readonly retryLimitExceeded: Counter;
  readonly retryOverflow: Counter;
  readonly pendingOverflow: Counter;
  readonly connectFail: Counter;
  readonly cancelled: Counter;
  readonly timeMs: Histogram;
}

/** Looks counters up by cluster; binds them at a cluster's first request. */
export class ClusterCounterIndex {
  readonly #metrics: MetricsRegistry;
  readonly #byCluster = new WeakMap<UpstreamCluster, ClusterCounters>();

  constructor(metrics: MetricsRegistry) {
    this.#metrics = metrics;
  }

  of(cluster: UpstreamCluster): ClusterCounters {
    let counters = this.#byCluster.get(cluster);
    if (!counters) this.#byCluster.set(cluster, (counters = this.#bind(cluster.name)));
    return counters;
  }

  #bind(name: string): ClusterCounters {
    const labels = { envoy_cluster_name: name };
    const counter = (suffix: string, help: string): Counter =>
      this.#metrics.counter(`envoy_cluster_upstream_${suffix}`, help, labels);
    const ofClass = (digit: string): Counter =>
      this.#metrics.counter('envoy_cluster_upstream_rq_xx', 'Upstream responses by class.', {
        envoy_response_code_class: digit,
        ...labels,
      });
    return {
      total: counter('rq_total', 'Upstream requests.'),
      byClass: ['0', '1', '2', '3', '4', '5'].map(ofClass),
      active: this.#metrics.gauge('envoy_cluster_upstream_rq_active', 'Upstream requests under way.', labels),
      completed: counter('rq_completed', 'Upstream requests that were answered.'),
      timeout: counter('rq_timeout', 'Upstream requests that timed out.'),
      perTryTimeout: counter('rq_per_try_timeout', 'Tries that timed out.'),
      retry: counter('rq_retry', 'Retries.'),
      retrySuccess: counter('rq_retry_success', 'Retries that succeeded.'),
      retryLimitExceeded: counter('rq_retry_limit_exceeded', 'Requests given up after their last retry.'),
      retryOverflow: counter('rq_retry_overflow', 'Retries refused by the circuit breaker.'),
      pendingOverflow: counter('rq_pending_overflow', 'Requests refused by a circuit breaker.'),
      connectFail: counter('rq_pending_failure_eject', 'Requests failed with their connection attempt.'),
      cancelled: counter('rq_cancelled', 'Requests cancelled while they waited for a connection.'),
      timeMs: this.#metrics.histogram(
        'envoy_cluster_upstream_rq_time',
        'Milliseconds from request to complete response.',
        latencyBucketsMs,
        labels,
      ),
    };
  }
}
