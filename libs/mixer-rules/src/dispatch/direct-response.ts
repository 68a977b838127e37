import {
  anyName,
  enumOf,
  type google_protobuf_Any,
  type istio_mixer_v1_HeaderOperation,
  type istio_mixer_v1_RouteDirective,
  type istio_policy_v1beta1_DirectHttpResponse,
  unpackAny,
} from '@lateen/protos';

const { REPLACE, APPEND } = enumOf('istio.mixer.v1.HeaderOperation.Operation');
const message = 'istio.policy.v1beta1.DirectHttpResponse';

/** HTTP status for each gRPC status code. Source: googleapis `google/rpc/code.proto`. */
const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** Directive for the HTTP response that a handler attached to its status; `undefined` when it attached none. */
export function directResponse(
  code: number,
  details: readonly google_protobuf_Any[],
): istio_mixer_v1_RouteDirective | undefined {
  const detail = details.find((candidate) => anyName(candidate) === message);
  if (!detail) return undefined;
  return routeDirective(code, unpackAny(message, detail));
}

/** Directive of an HTTP response; without a status of its own it takes the gRPC code's. */
export function routeDirective(
  code: number,
  response: istio_policy_v1beta1_DirectHttpResponse,
): istio_mixer_v1_RouteDirective {
  const responseHeaderOperations: istio_mixer_v1_HeaderOperation[] = [];
  const headers = response.headers ?? {};
  for (const name of Object.keys(headers).sort()) {
    const value = headers[name]!;
    // Cookies cannot share one header field, so a list of them becomes several (RFC 6265 §3).
    if (name.toLowerCase() === 'set-cookie') {
      for (const cookie of value.split(','))
        responseHeaderOperations.push({ name, value: cookie, operation: APPEND });
    } else responseHeaderOperations.push({ name, value, operation: REPLACE });
  }
  return {
    directResponseCode: response.code || (httpStatuses[code] ?? 500),
    directResponseBody: response.body ?? '',
    responseHeaderOperations,
  };
}
