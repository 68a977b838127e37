import type { Journal } from './journal.ts';
import type { KeyValue } from './key-value.ts';

/** Ends what it was answered for. Idempotent; no call comes after it. */
export interface Subscription {
  unsubscribe(): void;
}

/** Takes one event. What it throws is logged and changes nothing else. */
export type MessageHandler = (payload: Uint8Array, subject: string) => void;

/** Answers one request. What it throws reaches the caller as LTN_BUS_REFUSED with the message. */
export type RequestHandler = (payload: Uint8Array, subject: string) => Uint8Array | Promise<Uint8Array>;

/** How long a request may take. */
export interface RequestOptions {
  readonly timeoutMs: number;
}

/**
 * Events, request and reply, journal and key-value between components. Subjects are dot-separated tokens; a
 * subscription may use `*` for one token and a last `>` for one or more. Two adapters: memory (one process) and NATS.
 */
export interface Bus {
  /**
   * Sends an event to whoever is subscribed now: at most once, in order per publisher. While a distributed bus is cut
   * off the newest events wait for its return, as many as `limits.offlineEvents`.
   */
  publish(subject: string, payload: Uint8Array): void;
  subscribe(subject: string, handler: MessageHandler): Subscription;
  /**
   * Asks one responder. @throws LateenError LTN_BUS_TIMEOUT or LTN_BUS_UNANSWERED (nobody responds there), both
   * retryable; LTN_BUS_REFUSED with the responder's message; LTN_BUS_CLOSED.
   */
  request(subject: string, payload: Uint8Array, options: RequestOptions): Promise<Uint8Array>;
  /** Answers requests; of the responders of one queue group each request reaches one. */
  respond(subject: string, queueGroup: string, handler: RequestHandler): Subscription;
  /** Opens a bucket, making it if it is new. @throws LateenError LTN_BUS_UNAVAILABLE after bounded retries. */
  keyValue(bucket: string): Promise<KeyValue>;
  /** Opens a journal, making it if it is new. @throws LateenError LTN_BUS_UNAVAILABLE after bounded retries. */
  journal(name: string): Promise<Journal>;
  /** Ends every subscription and the connection. Idempotent. */
  close(): Promise<void>;
}

/** Bounds of every queue inside a bus. */
export const limits = {
  /** Events kept for a distributed bus that is cut off; the oldest fall out. */
  offlineEvents: 1024,
  /** Events of one memory subscription that wait for their turn; newer ones are dropped. */
  pendingEvents: 65_536,
  /** Requests that one responder works on at a time; more are refused. */
  concurrentRequests: 1024,
  /** Records of a journal or entries of a bucket in flight to one reader. */
  inFlight: 256,
} as const;
