import { formatViolation, type Violation } from '@lateen/config-schema';

/** Body of a failed call. Source: Kubernetes meta/v1 Status. */
export interface StatusBody {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly [field: string]: unknown };
  readonly code: number;
}

/** Kubernetes' reasons with their HTTP codes. */
const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
} as const;

/** A reason that a call can fail for. */
export type StatusReason = keyof typeof codes;

/** A call that ends with a Status. Thrown by handlers, caught once by the server. */
export class ApiFailure extends Error {
  readonly body: StatusBody;

  constructor(reason: StatusReason, message: string, details?: { readonly [field: string]: unknown }) {
    super(message);
    this.name = 'ApiFailure';
    this.body = failureBody(reason, message, details);
  }
}

/** Status of a failure. */
export function failureBody(
  reason: StatusReason,
  message: string,
  details?: { readonly [field: string]: unknown },
): StatusBody {
  const base = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
  } as const;
  return { ...base, ...(details ? { details } : {}), code: codes[reason] };
}

/** What an object is, for `details`. */
export interface ObjectDetails {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** Refusal of an invalid object: every violation is a cause with its field. */
export function invalidObject(violations: readonly Violation[], details: ObjectDetails): ApiFailure {
  const errors = violations.filter((violation) => violation.severity === 'error');
  const causes = errors.map((violation) => ({
    reason: 'FieldValueInvalid',
    message: violation.hint ? `${violation.message} (${violation.hint})` : violation.message,
    field: violation.path,
  }));
  const said = errors.map((violation) => formatViolation({ ...violation, severity: 'error' })).join('; ');
  return new ApiFailure('Invalid', `${details.kind} "${details.name}" is invalid: ${said}`, {
    ...details,
    causes,
  });
}
