import { compileStringMatcher, runtimeFraction } from '@lateen/matching';
import type { TextMatcher } from '@lateen/matching';
import {
  type envoy_extensions_filters_http_cors_v3_CorsPolicy as CorsPolicy,
  unpackAny,
} from '@lateen/protos';
import type { FilterStream, HttpFilter } from './filter.ts';
import type { HttpFilterKind } from './kind.ts';

const message = 'envoy.extensions.filters.http.cors.v3.CorsPolicy';

interface Policy {
  readonly origins: readonly TextMatcher[];
  readonly methods: string;
  readonly headers: string;
  readonly exposed: string;
  readonly maxAge: string;
  readonly credentials: boolean;
  readonly privateNetwork: boolean;
  readonly forwardsUnmatched: boolean;
  readonly enabledShare: number;
}

function compilePolicy(policy: CorsPolicy, path: string): Policy {
  return {
    origins: (policy.allowOriginStringMatch ?? []).map((matcher, index) =>
      compileStringMatcher(matcher, `${path}.allow_origin_string_match[${index}]`),
    ),
    methods: policy.allowMethods ?? '',
    headers: policy.allowHeaders ?? '',
    exposed: policy.exposeHeaders ?? '',
    maxAge: policy.maxAge ?? '',
    credentials: policy.allowCredentials?.value ?? false,
    privateNetwork: policy.allowPrivateNetworkAccess?.value ?? false,
    forwardsUnmatched: policy.forwardNotMatchingPreflights?.value ?? true,
    enabledShare: runtimeFraction(policy.filterEnabled) ?? 1,
  };
}

/** Cross-origin requests (Fetch standard, Envoy's CORS filter): answers preflights, adds the headers to responses. */
export const cors: HttpFilterKind = {
  config: 'envoy.extensions.filters.http.cors.v3.Cors',
  routeConfig: message,
  decodeRoute: (any, path) => compilePolicy(unpackAny(message, any), path),
  compile(_config, { name, surroundings }) {
    const filter: HttpFilter = {
      name,
      onRequest(stream: FilterStream) {
        const origin = stream.requestHeaders.get('origin');
        if (origin === undefined || origin === '') return 'continue';
        const policy = stream.routeConfig(name) as Policy | undefined;
        if (!policy || surroundings.random() >= policy.enabledShare) return 'continue';
        const headers = stream.requestHeaders;
        const preflight =
          headers.method === 'OPTIONS' && (headers.get('access-control-request-method') ?? '') !== '';
        const allowed = policy.origins.some((matches) => matches(origin));
        if (!preflight) {
          if (allowed) stream.setNote(filter, { policy, origin });
          return 'continue';
        }
        if (!allowed && policy.forwardsUnmatched) return 'continue';
        stream.reply({
          status: 200,
          body: '',
          details: 'cors_response',
          edit(response) {
            if (!allowed) return;
            response.set('access-control-allow-origin', origin);
            if (policy.credentials) response.set('access-control-allow-credentials', 'true');
            if (policy.methods !== '') response.set('access-control-allow-methods', policy.methods);
            if (policy.headers !== '') response.set('access-control-allow-headers', policy.headers);
            if (policy.exposed !== '') response.set('access-control-expose-headers', policy.exposed);
            if (policy.maxAge !== '') response.set('access-control-max-age', policy.maxAge);
            if (policy.privateNetwork && headers.get('access-control-request-private-network') === 'true') {
              response.set('access-control-allow-private-network', 'true');
            }
          },
        });
        return 'answered';
      },
      onResponse(stream, response) {
        const note = stream.note(filter) as { policy: Policy; origin: string } | undefined;
        if (!note) return;
        response.set('access-control-allow-origin', note.origin);
        if (note.policy.credentials) response.set('access-control-allow-credentials', 'true');
        if (note.policy.exposed !== '') response.set('access-control-expose-headers', note.policy.exposed);
      },
    };
    return filter;
  },
};
