import { joinPath, invalidConfig, pathWithoutQuery, refuseFields } from '@lateen/matching';
import {
  type envoy_config_route_v3_RouteMatch as RouteMatch,
  type google_protobuf_Any,
  unpackAny,
} from '@lateen/protos';
import { compileRouteMatch, type RouteRequest } from '@lateen/routing-engine';
import type { Random } from '@lateen/runtime';
import type { FilterStream, HttpFilter } from './filter.ts';
import { compileProvider, type Provider } from './jwt/provider.ts';
import { type Check, type Requirement, RequirementCompiler } from './jwt/requirement.ts';
import { type JwtStatus, jwtStatus } from './jwt/status.ts';
import type { HttpFilterKind } from './kind.ts';

const config = 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';
const routeConfig = 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig';
/** Filter under whose name the claims stand in the dynamic metadata, whatever the configuration calls it. */
const metadataFilter = 'envoy.filters.http.jwt_authn';
/** Longest URI that the challenge quotes. */
const maxRealmLength = 256;

/** What a route says: no check, or a requirement by name. */
type RouteRule = { readonly requirement: string | undefined };

interface Rule {
  applies(stream: FilterStream): boolean;
  /** `undefined`: the rule lets everything pass. */
  readonly requirement: Requirement | undefined;
}

function routeRequestOf(stream: FilterStream, random: Random): RouteRequest {
  const { requestHeaders: headers, connection } = stream;
  return {
    authority: headers.authority,
    path: headers.path,
    method: headers.method,
    scheme: headers.scheme,
    headers,
    listenerPort: connection.local.port,
    peerCertificate: connection.peer ? 'validated' : 'none',
    metadata: (filter) => stream.metadata(filter),
    random,
  };
}

function compileMatch(match: RouteMatch, path: string, random: Random): Rule['applies'] {
  const matcher = compileRouteMatch(match, path, { ignorePathParameters: false });
  return (stream) =>
    matcher.firstMiss(routeRequestOf(stream, random), pathWithoutQuery(stream.requestHeaders.path)) < 0;
}

function isPreflight(stream: FilterStream): boolean {
  const { requestHeaders: headers } = stream;
  return (
    headers.method === 'OPTIONS' &&
    (headers.get('origin') ?? '') !== '' &&
    (headers.get('access-control-request-method') ?? '') !== ''
  );
}

/** Where in a challenge the client's own words stand, so that they can't end the quotation. */
function realmOf(scheme: string, authority: string, path: string): string {
  return `${scheme}://${authority}${path.slice(0, maxRealmLength)}`.replaceAll('"', '%22');
}

function details(reason: string): string {
  return `jwt_authn_access_denied{${reason.replaceAll(/\s/g, '_')}}`;
}

function decodeRoute(any: google_protobuf_Any, path: string): RouteRule {
  const { disabled, requirementName } = unpackAny(routeConfig, any);
  if (!disabled && !requirementName)
    throw invalidConfig(path, 'says neither disabled nor a requirement_name');
  return { requirement: disabled ? undefined : requirementName };
}

/**
 * JSON Web Tokens (RFC 7519; Envoy's filter): requests whose tokens don't meet the rule that applies get 401, or 403
 * for a wrong audience. Claims of verified tokens become metadata of `envoy.filters.http.jwt_authn` and headers.
 */
export const jwtAuthn: HttpFilterKind = {
  config,
  routeConfig,
  decodeRoute,
  compile(any, { name, path, surroundings }) {
    const fields = unpackAny(config, any);
    refuseFields(fields, path, ['filterStateRules']);
    const providers = new Map<string, Provider>();
    for (const [key, provider] of Object.entries(fields.providers ?? {})) {
      providers.set(key, compileProvider(provider, joinPath(path, `providers["${key}"]`)));
    }
    const compiler = new RequirementCompiler(providers);
    const byName = new Map<string, Requirement>();
    for (const [key, requirement] of Object.entries(fields.requirementMap ?? {})) {
      byName.set(key, compiler.compile(requirement, joinPath(path, `requirement_map["${key}"]`)));
    }
    const rules = (fields.rules ?? []).map((rule, index): Rule => {
      const at = joinPath(path, `rules[${index}]`);
      if (!rule.match) throw invalidConfig(`${at}.match`, 'is required');
      const applies = compileMatch(rule.match, `${at}.match`, surroundings.random);
      if (rule.requirementName) {
        const requirement = byName.get(rule.requirementName);
        if (!requirement) throw invalidConfig(`${at}.requirement_name`, 'is not in requirement_map');
        return { applies, requirement };
      }
      const { requires } = rule;
      return { applies, requirement: requires && compiler.compile(requires, `${at}.requires`) };
    });
    const strip = fields.stripFailureResponse ?? false;
    const { metrics, clock } = surroundings;
    const allowed = metrics.counter('envoy_http_jwt_authn_allowed', 'Requests that the JWT filter passed.');
    const denied = metrics.counter('envoy_http_jwt_authn_denied', 'Requests that the JWT filter refused.');

    const refuse = (stream: FilterStream, status: JwtStatus, askedPath: string): 'answered' => {
      denied.inc();
      const realm = realmOf(stream.requestHeaders.scheme, stream.requestHeaders.authority, askedPath);
      const error = status === jwtStatus.missing ? '' : ', error="invalid_token"';
      stream.reply({
        status: status === jwtStatus.audienceNotAllowed ? 403 : 401,
        body: strip ? '' : status,
        details: details(status),
        ...(strip
          ? {}
          : { edit: (response) => response.set('www-authenticate', `Bearer realm="${realm}"${error}`) }),
      });
      return 'answered';
    };
    const filter: HttpFilter = {
      name,
      onRequest(stream) {
        if (fields.bypassCorsPreflight && isPreflight(stream)) return 'continue';
        const ofRoute = stream.routeConfig(name) as RouteRule | undefined;
        let requirement: Requirement | undefined;
        if (ofRoute) {
          if (ofRoute.requirement === undefined) return 'continue';
          requirement = byName.get(ofRoute.requirement);
          if (!requirement) {
            denied.inc();
            const reason = `Wrong requirement_name: ${ofRoute.requirement}. It should be one of [${[...byName.keys()].join(',')}]`;
            const body = strip ? '' : `Failed JWT authentication: ${reason}`;
            stream.reply({ status: 403, body, details: details(reason) });
            return 'answered';
          }
        } else requirement = rules.find((rule) => rule.applies(stream))?.requirement;
        if (!requirement) return 'continue';
        // The challenge names what the client asked for: a token may be taken out of the path meanwhile.
        const askedPath = stream.requestHeaders.path;
        const check: Check = {
          stream,
          nowMs: clock.now(),
          metadata: Object.create(null),
          clearsRoute: false,
        };
        const status = requirement(check);
        if (Object.keys(check.metadata).length > 0) stream.setMetadata(metadataFilter, check.metadata);
        if (status !== jwtStatus.ok) return refuse(stream, status, askedPath);
        allowed.inc();
        if (check.clearsRoute) stream.clearRoute();
        return 'continue';
      },
    };
    return filter;
  },
};
