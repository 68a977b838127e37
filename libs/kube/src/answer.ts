/** An object as it travels: Kubernetes JSON. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly [field: string]: unknown;
  };
  readonly spec?: unknown;
  readonly [field: string]: unknown;
}

/** A file to apply: its name is what violations point at. */
export interface ApplyFile {
  readonly file: string;
  readonly documents: string;
}

/** What was done with one document of an apply. */
export interface ApplyResult {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly action: 'created' | 'configured' | 'unchanged' | 'deleted' | 'skipped';
  readonly warnings?: readonly string[];
}

/** An apply that was stored (or would be, when it was a dry run). */
export interface Applied {
  readonly revision: number;
  readonly results: readonly ApplyResult[];
}

/** One thing that is wrong with what was sent. */
export interface AnswerViolation {
  /** Code of an analysis message, as IST0101. */
  readonly code?: string;
  readonly path: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
  readonly hint?: string;
  readonly position?: { readonly file?: string; readonly line: number; readonly column: number };
}

/** How far a revision has come. */
export interface Rollout {
  readonly revision: number;
  /** Has every connected proxy acknowledged it? */
  readonly done: boolean;
  readonly proxies: number;
  readonly acked: number;
  readonly nacks: readonly { readonly proxy: string; readonly type: string; readonly message: string }[];
}

/** A change that a watch reports. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: KubeObject;
}
