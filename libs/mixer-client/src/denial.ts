import { rpcStatus } from '@lateen/rpc';

/** A header change that Mixer asks for. */
export interface HeaderOperation {
  /** Lower-case name. */
  readonly name: string;
  readonly value: string;
  readonly operation: 'replace' | 'remove' | 'append';
}

const httpStatuses: ReadonlyMap<number, number> = new Map([
  [rpcStatus.OK, 200],
  [rpcStatus.CANCELLED, 499],
  [rpcStatus.UNKNOWN, 500],
  [rpcStatus.INVALID_ARGUMENT, 400],
  [rpcStatus.DEADLINE_EXCEEDED, 504],
  [rpcStatus.NOT_FOUND, 404],
  [rpcStatus.ALREADY_EXISTS, 409],
  [rpcStatus.PERMISSION_DENIED, 403],
  [rpcStatus.RESOURCE_EXHAUSTED, 429],
  [rpcStatus.FAILED_PRECONDITION, 400],
  [rpcStatus.ABORTED, 409],
  [rpcStatus.OUT_OF_RANGE, 400],
  [rpcStatus.UNIMPLEMENTED, 501],
  [rpcStatus.INTERNAL, 500],
  [rpcStatus.UNAVAILABLE, 503],
  [rpcStatus.DATA_LOSS, 500],
  [rpcStatus.UNAUTHENTICATED, 401],
]);

/** HTTP status of a gRPC status code; 500 for unknown codes. Source: googleapis `google/rpc/code.proto`. */
export function httpStatusOf(code: number): number {
  return httpStatuses.get(code) ?? 500;
}

/** What the refused caller reads: `PERMISSION_DENIED:denyall.denier.default:Not allowed`. */
export function statusText(code: number, message: string): string {
  const name = rpcStatus[code] ?? String(code);
  return message === '' ? name : `${name}:${message}`;
}
