import {
  type Counter,
  type Gauge,
  type Histogram,
  latencyBucketsMs,
  type MetricsRegistry,
} from '@lateen/runtime';
import type { FilterStream } from '../http-filters/filter.ts';
import type { AccessLog } from './access-log.ts';
import { responseFlag } from './response-flags.ts';

/** The end of a stream, once: the manager's statistics by Envoy's names, and its access logs. */
export class StreamReporter {
  readonly #logs: readonly AccessLog[];
  readonly #total: Counter;
  readonly #byClass: readonly Counter[];
  readonly #active: Gauge;
  readonly #connections: Counter;
  readonly #connectionsActive: Gauge;
  readonly #timeMs: Histogram;
  readonly #destroyedRemotely: Counter;
  readonly #protocolErrors: Counter;
  readonly #idleTimeouts: Counter;

  constructor(metrics: MetricsRegistry, statPrefix: string, logs: readonly AccessLog[]) {
    const labels = { envoy_http_conn_manager_prefix: statPrefix };
    const counter = (suffix: string, help: string): Counter =>
      metrics.counter(`envoy_http_downstream_${suffix}`, help, labels);
    this.#logs = logs;
    this.#total = counter('rq_total', 'Requests.');
    this.#byClass = ['0', '1', '2', '3', '4', '5'].map((digit) =>
      metrics.counter('envoy_http_downstream_rq_xx', 'Responses by class.', {
        envoy_response_code_class: digit,
        ...labels,
      }),
    );
    this.#active = metrics.gauge('envoy_http_downstream_rq_active', 'Requests under way.', labels);
    this.#connections = counter('cx_total', 'Connections.');
    this.#connectionsActive = metrics.gauge('envoy_http_downstream_cx_active', 'Open connections.', labels);
    this.#timeMs = metrics.histogram(
      'envoy_http_downstream_rq_time',
      'Milliseconds from request to complete response.',
      latencyBucketsMs,
      labels,
    );
    this.#destroyedRemotely = counter('cx_destroy_remote_active_rq', 'Requests whose client went away.');
    this.#protocolErrors = counter('cx_protocol_error', 'Requests that broke the protocol.');
    this.#idleTimeouts = counter('rq_idle_timeout', 'Requests in which nothing moved for too long.');
  }

  connectionOpened(): void {
    this.#connections.inc();
    this.#connectionsActive.add(1);
  }

  connectionClosed(): void {
    this.#connectionsActive.add(-1);
  }

  streamBegun(): void {
    this.#active.add(1);
    this.#total.inc();
  }

  /** Takes a stream that has ended. */
  report(stream: FilterStream): void {
    const { record } = stream;
    this.#active.add(-1);
    const status = Number(stream.responseHeaders?.get(':status') ?? 0);
    if (status > 0) this.#byClass[Math.floor(status / 100)]?.inc();
    this.#timeMs.observe(record.endAt - record.begunAt);
    if (record.flags !== 0) {
      if ((record.flags & responseFlag.downstreamConnectionTermination) !== 0) this.#destroyedRemotely.inc();
      if ((record.flags & responseFlag.downstreamProtocolError) !== 0) this.#protocolErrors.inc();
      if ((record.flags & responseFlag.streamIdleTimeout) !== 0) this.#idleTimeouts.inc();
    }
    for (const log of this.#logs) log(stream);
  }
}
