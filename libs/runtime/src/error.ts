/** Who is to blame: the caller, who we call, what was configured, a fellow component, or this code. */
export type ErrorOrigin = 'downstream' | 'upstream' | 'config' | 'peer' | 'internal';

/** Code of an error, `LTN_<ROOM>_<REASON>`. */
export type ErrorCode = `LTN_${Uppercase<string>}`;

/** What a `LateenError` carries beside its message. */
export interface ErrorOptions {
  readonly code: ErrorCode;
  readonly origin: ErrorOrigin;
  /** May the same call succeed later without a change of the caller's? */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/**
 * A bug or broken surroundings. User errors are `Violation` values and expected outcomes are unions; neither is thrown.
 * Caught once per edge: HTTP local reply, gRPC status, CLI exit code, supervisor.
 */
export class LateenError extends Error {
  readonly code: ErrorCode;
  readonly origin: ErrorOrigin;
  readonly retryable: boolean;

  constructor(message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LateenError';
    this.code = options.code;
    this.origin = options.origin;
    this.retryable = options.retryable ?? false;
  }
}

/** Message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
