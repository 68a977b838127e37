import { invalidConfig } from '@lateen/matching';
import { type envoy_config_route_v3_RedirectAction, enumOf } from '@lateen/protos';
import type { RouteRequest } from './decision.ts';
import { portStart } from './host-lookup.ts';
import { compilePathRewrite } from './rewrite.ts';
import type { RouteMatcher } from './route-match.ts';

/** A compiled redirect. */
export interface Redirect {
  readonly status: number;
  location(request: RouteRequest): string;
}

/** Scheme that the client used, as the proxy before us tells it. */
export function clientScheme(request: RouteRequest): string {
  return request.headers.get('x-forwarded-proto') ?? request.scheme;
}

/** Drops the request's port when another one is given, or when it was the default of a scheme that changes. */
function hostFor(request: RouteRequest, scheme: string, newPort: string): string {
  const host = request.authority;
  const colon = portStart(host);
  if (colon < 0) return host;
  const old = clientScheme(request);
  const port = host.slice(colon);
  const defaulted = (old === 'https' && port === ':443') || (old === 'http' && port === ':80');
  return newPort !== '' || (scheme !== old && defaulted) ? host.slice(0, colon) : host;
}

function statusOf(code: number, path: string): number {
  const codes = enumOf('envoy.config.route.v3.RedirectAction.RedirectResponseCode');
  const statuses = new Map<number, number>([
    [codes.MOVED_PERMANENTLY, 301],
    [codes.FOUND, 302],
    [codes.SEE_OTHER, 303],
    [codes.TEMPORARY_REDIRECT, 307],
    [codes.PERMANENT_REDIRECT, 308],
  ]);
  const status = statuses.get(code);
  if (status === undefined) throw invalidConfig(`${path}.response_code`, `${code} is unknown`);
  return status;
}

/** Compiles `envoy.config.route.v3.RedirectAction`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileRedirect(
  action: envoy_config_route_v3_RedirectAction,
  matcher: RouteMatcher,
  path: string,
): Redirect {
  const scheme = action.schemeRedirect || (action.httpsRedirect ? 'https' : '');
  const newHost = action.hostRedirect ?? '';
  const newPort = action.portRedirect ? `:${action.portRedirect}` : '';
  const newPath = action.pathRedirect ?? '';
  const rewrite = compilePathRewrite(action, matcher, path);
  if (newPath !== '' && rewrite) throw invalidConfig(path, 'path_redirect excludes path rewrites');
  const stripQuery = action.stripQuery ?? false;

  const pathFor = (target: string): string => {
    const query = target.indexOf('?');
    // A query in path_redirect itself always wins and is never stripped.
    if (newPath !== '')
      return newPath.includes('?') || query < 0 || stripQuery ? newPath : newPath + target.slice(query);
    const rewritten = rewrite ? rewrite(target) : target;
    const end = stripQuery ? rewritten.indexOf('?') : -1;
    return end < 0 ? rewritten : rewritten.slice(0, end);
  };
  return {
    status: statusOf(action.responseCode ?? 0, path),
    location(request) {
      const finalScheme = scheme || request.scheme;
      const host = newHost || hostFor(request, finalScheme, newPort);
      return `${finalScheme}://${host}${newPort}${pathFor(request.path)}`;
    },
  };
}

/** Where a virtual host with `require_tls` sends plain-text requests. */
export function tlsLocation(request: RouteRequest): string {
  return `https://${hostFor(request, 'https', '')}${request.path}`;
}
