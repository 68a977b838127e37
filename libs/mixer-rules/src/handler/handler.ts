import type { AttributeValue } from '@lateen/attributes';
import type { google_protobuf_Any, Json } from '@lateen/protos';
import type { Instance } from '../template/template.ts';

/** What a handler says about a check. */
export interface CheckResult {
  /** gRPC status code; 0 lets the request pass. */
  readonly code: number;
  readonly message: string;
  readonly details?: readonly google_protobuf_Any[];
  /** How long, and for how many requests, the answer holds. Milliseconds. */
  readonly validDurationMs: number;
  readonly validUseCount: number;
  /** Values of a template with an output, by name. */
  readonly output?: ReadonlyMap<string, AttributeValue>;
}

/** How much of a quota a caller wants. */
export interface QuotaArguments {
  /** Same for retries of one request; a handler grants once for it. Empty: never the same. */
  readonly deduplicationId: string;
  /** Negative amounts give back. */
  readonly amount: number;
  /** Take what is there when it is less than `amount`. */
  readonly bestEffort: boolean;
}

/** What a handler grants. */
export interface QuotaResult {
  readonly amount: number;
  /** Milliseconds. */
  readonly validDurationMs: number;
  readonly code?: number;
  readonly message?: string;
}

/** A configured adapter at work. What it throws fails the call it was made for. */
export interface Handler {
  check?(instance: Instance): CheckResult | Promise<CheckResult>;
  quota?(instance: Instance, request: QuotaArguments): QuotaResult | Promise<QuotaResult>;
  report?(instances: readonly Instance[]): void | Promise<void>;
  /** Frees timers and files. Idempotent. */
  close?(): void | Promise<void>;
}

/** What is known of an adapter before it runs. */
export interface AdapterType<C = unknown> {
  readonly name: string;
  /** Names of the templates that its handlers take. */
  readonly templates: readonly string[];
  /** Judges a handler's parameters; answers the configuration or every complaint. */
  decode(params: { readonly [key: string]: Json }): DecodedParams<C>;
  /** Why a handler of this configuration cannot take an instance of this full name; `undefined` when it can. */
  accepts?(config: C, instance: string): string | undefined;
}

/** Configuration of a handler, or what is wrong with its parameters. */
export type DecodedParams<C> =
  | { readonly config: C }
  | { readonly complaints: readonly { readonly path: string; readonly message: string }[] };

/** One complaint about a handler's parameters. */
export function refuse(
  path: string,
  message: string,
): { readonly complaints: readonly { path: string; message: string }[] } {
  return { complaints: [{ path, message }] };
}
