import {
  enumOf,
  isMessageName,
  anyName,
  unpackAny,
  type google_protobuf_Any,
  type istio_mixer_v1_CheckResponse,
  type istio_mixer_v1_CheckResponse_PreconditionResult,
  type istio_mixer_v1_HeaderOperation,
} from '@lateen/protos';
import { rpcStatus } from '@lateen/rpc';
import { type HeaderOperation, httpStatusOf, statusText } from './denial.ts';
import type { CheckOutcome } from './outcome.ts';
import type { RequiredQuota } from './quota-spec.ts';
import type { FailPolicy } from './service.ts';

const { REMOVE, APPEND } = enumOf('istio.mixer.v1.HeaderOperation.Operation');
const directResponse = 'istio.policy.v1beta1.DirectHttpResponse';

const fresh = { checkCacheHit: false, quotaCacheHit: false } as const;

/** Outcome of a precondition that mixer answered. */
export function outcomeOfPrecondition(result: istio_mixer_v1_CheckResponse_PreconditionResult): CheckOutcome {
  const { code = 0, message = '', details = [] } = result.status ?? {};
  const directive = result.routeDirective;
  const responseHeaderOperations = (directive?.responseHeaderOperations ?? []).map(operationOf);
  const attached = code === 0 ? undefined : attachedResponse(details);
  const httpStatus = directive?.directResponseCode || attached?.httpStatus || 0;
  if (code === 0 && httpStatus === 0) {
    const requestHeaderOperations = (directive?.requestHeaderOperations ?? []).map(operationOf);
    return { kind: 'allowed', ...fresh, requestHeaderOperations, responseHeaderOperations };
  }
  const body = directive?.directResponseCode ? (directive.directResponseBody ?? '') : attached?.body;
  const headers = responseHeaderOperations
    .filter(({ operation }) => operation !== 'remove')
    .map(({ name, value }): [string, string] => [name, value]);
  return {
    kind: 'denied',
    ...fresh,
    httpStatus: httpStatus || httpStatusOf(code),
    body: body || (code === 0 ? '' : statusText(code, message)),
    headers: [...headers, ...(directive?.directResponseCode ? [] : (attached?.headers ?? []))],
    code,
    message,
    reason: 'policy',
  };
}

function operationOf({
  name = '',
  value = '',
  operation = 0,
}: istio_mixer_v1_HeaderOperation): HeaderOperation {
  const kind = operation === REMOVE ? 'remove' : operation === APPEND ? 'append' : 'replace';
  return { name: name.toLowerCase(), value, operation: kind };
}

interface AttachedResponse {
  readonly httpStatus: number;
  readonly body: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** The HTTP response that a handler attached to its status, if it did. */
function attachedResponse(details: readonly google_protobuf_Any[]): AttachedResponse | undefined {
  const any = details.find((detail) => anyName(detail) === directResponse);
  if (!any || !isMessageName(directResponse)) return undefined;
  try {
    const { code = 0, body = '', headers = {} } = unpackAny(directResponse, any);
    return {
      httpStatus: code,
      body,
      headers: Object.keys(headers).map((name) => [name.toLowerCase(), headers[name]!]),
    };
  } catch {
    return undefined; // a detail that cannot be read changes nothing about the refusal itself
  }
}

/** Outcome once quotas are answered too: a quota passes when anything was granted or nobody could tell. */
export function outcomeOfQuotas(
  allowed: CheckOutcome,
  quotas: readonly RequiredQuota[],
  response: istio_mixer_v1_CheckResponse,
): CheckOutcome {
  const results = response.quotas ?? {};
  const exhausted = quotas
    .map(({ quota }) => quota)
    .filter((quota) => {
      const result = Object.hasOwn(results, quota) ? results[quota] : undefined;
      if (!result) return false;
      return (result.grantedAmount ?? 0) <= 0 && result.status?.code !== rpcStatus.UNAVAILABLE;
    });
  if (exhausted.length === 0) return allowed;
  return quotaDenial(exhausted, allowed.checkCacheHit);
}

/** Refusal for quotas that are used up. */
function quotaDenial(quotas: readonly string[], checkCacheHit: boolean): CheckOutcome {
  const message = `Quota is exhausted for: ${quotas.join(', ')}`;
  return {
    kind: 'denied',
    checkCacheHit,
    quotaCacheHit: false,
    httpStatus: httpStatusOf(rpcStatus.RESOURCE_EXHAUSTED),
    body: statusText(rpcStatus.RESOURCE_EXHAUSTED, message),
    headers: [],
    code: rpcStatus.RESOURCE_EXHAUSTED,
    message,
    reason: 'quota',
  };
}

/** What the fail policy says when mixer gave no answer that counts. */
export function unreachable(policy: FailPolicy, code: number, message: string): CheckOutcome {
  if (policy.open)
    return { kind: 'allowed', ...fresh, requestHeaderOperations: [], responseHeaderOperations: [] };
  return {
    kind: 'denied',
    ...fresh,
    httpStatus: httpStatusOf(code),
    body: statusText(code, message),
    headers: [],
    code,
    message,
    reason: 'unreachable',
  };
}
