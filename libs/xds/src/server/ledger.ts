import type { envoy_config_core_v3_Node } from '@lateen/protos';

/** How a client speaks: state of the world or incremental. */
export type XdsMode = 'sotw' | 'delta';

/** One response in the ledger. */
export interface LedgerEntry {
  readonly version: string;
  readonly nonce: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A response that the client refused. */
export interface LedgerNack extends LedgerEntry {
  readonly message: string;
}

/** What is known of one type at one client. */
export interface TypeLedger {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  /** Names that the client asked for one by one. */
  readonly names: readonly string[];
  /** Number of resources that the client was sent and still should have. */
  readonly resources: number;
  readonly sent: LedgerEntry | undefined;
  readonly acked: LedgerEntry | undefined;
  /** The last refusal, until what was refused is replaced by something that the client takes. */
  readonly nack: LedgerNack | undefined;
  /** Does the client owe an answer? */
  readonly outstanding: boolean;
}

/**
 * Where a delivery stands: `make` (new and changed clusters with their endpoints), `switch` (listeners and routes),
 * `break` (removals), `rest` (nothing to do).
 */
export type DeliveryStep = 'make' | 'switch' | 'break' | 'rest';

/** What is known of one session. */
export interface SessionLedger {
  readonly step: DeliveryStep;
  /** Version of the newest resource set; `undefined` while there is none. */
  readonly offered: string | undefined;
  /** Version of the newest resource set of which the client has acknowledged everything that it changed. */
  readonly acked: string | undefined;
  readonly types: readonly TypeLedger[];
}

/** A connected client. */
export interface ConnectionStatus extends SessionLedger {
  /** Unique in this server's life. */
  readonly id: string;
  readonly node: envoy_config_core_v3_Node;
  readonly mode: XdsMode;
  /** Address of the client. */
  readonly peer: string;
  /** Epoch milliseconds. */
  readonly connectedAt: number;
}

/** What happens in a session, for metrics and status. */
export type SessionEvent =
  | {
      readonly kind: 'pushed';
      readonly typeUrl: string;
      readonly resources: number;
      readonly removed: number;
    }
  | { readonly kind: 'acked'; readonly typeUrl: string; readonly waitedMs: number }
  | { readonly kind: 'nacked'; readonly typeUrl: string; readonly message: string }
  /** A step went on without the client's answer. */
  | { readonly kind: 'timedOut'; readonly step: DeliveryStep }
  /** Everything of this resource set is acknowledged. */
  | { readonly kind: 'converged'; readonly version: string };
