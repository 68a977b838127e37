import { LateenError } from '@lateen/runtime';
import { status } from '@grpc/grpc-js';

/** gRPC status codes by name. */
export { status as rpcStatus } from '@grpc/grpc-js';

/** A failed call as its caller or server states it. `code` is a gRPC status code. */
export class RpcError extends LateenError {
  readonly status: status;

  constructor(code: status, message: string, cause?: unknown) {
    super(message, {
      code: `LTN_RPC_${(status[code] ?? 'UNKNOWN') as Uppercase<string>}`,
      origin: code === status.INVALID_ARGUMENT || code === status.UNAUTHENTICATED ? 'downstream' : 'peer',
      retryable:
        code === status.UNAVAILABLE ||
        code === status.DEADLINE_EXCEEDED ||
        code === status.RESOURCE_EXHAUSTED,
      cause,
    });
    this.status = code;
  }
}

/** Status that a server answers for what a handler threw. Unknown errors become INTERNAL without their message. */
export function statusOf(thrown: unknown): { code: status; details: string } {
  if (thrown instanceof RpcError) return { code: thrown.status, details: thrown.message };
  if (thrown instanceof LateenError && thrown.origin !== 'internal') {
    return { code: thrown.retryable ? status.UNAVAILABLE : status.INVALID_ARGUMENT, details: thrown.message };
  }
  return { code: status.INTERNAL, details: 'internal error, see the log of the server' };
}
