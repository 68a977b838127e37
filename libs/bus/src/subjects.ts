/**
 * Every subject, with who sends it and what it carries (UTF-8 JSON). Config itself never travels here: it reaches
 * pilot and mixer by MCP alone, so events are hints.
 */
export const subjects = {
  /** pilot → galley: `RolloutStatus`, at each change and at each `rolloutQuery`. */
  rollout: 'lateen.status.rollout',
  /** galley → pilots, without payload: "publish your rollout status now", after a restart of galley's. */
  rolloutQuery: 'lateen.status.rollout-query',
  /** galley → anyone: `{"revision": n}`, the newest revision that is stored. */
  configRevision: 'lateen.config.revision',
  /** agents and `lateen run` → pilot: health of one workload, `{"workload", "namespace", "healthy"}`. */
  workloadHealth: 'lateen.workload.health',
} as const;

/** Every journal (a JetStream stream of the same name). */
export const journals = {
  /** galley's transactions: one record a transaction, its sequence is the revision. Only galley writes it. */
  config: 'LATEEN_CONFIG',
  /** mixer's reports for adapters that must not lose any. */
  reports: 'LATEEN_REPORTS',
} as const;

/** Every key-value bucket. */
export const buckets = {
  /** citadel's trust bundle and revocations, by trust domain. */
  trust: 'lateen-trust',
  /** mixer's quota counters, by handler and dimensions. */
  quota: 'lateen-quota',
} as const;

/** Payload of `subjects.rollout`. */
export interface RolloutStatus {
  /** Id of the pilot's run; a restarted pilot may have another. */
  readonly pilot: string;
  /** Newest config revision that this pilot has pushed. */
  readonly revision: number;
  /** Connected proxies. */
  readonly proxies: number;
  /** Of these, how many have acknowledged everything of `revision`. */
  readonly acked: number;
  readonly nacks: readonly RolloutNack[];
}

/** A proxy that refused a resource type, with its message. */
export interface RolloutNack {
  readonly proxy: string;
  readonly type: string;
  readonly message: string;
}
