import { invalidConfig, joinPath } from '@lateen/matching';
import {
  anyName,
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilterConfig,
  type google_protobuf_Any,
  isMessageName,
  unpackAny,
} from '@lateen/protos';
import type { Surroundings } from '../network-filters/surroundings.ts';
import { basicAuth } from './basic-auth.ts';
import { cors } from './cors.ts';
import { dynamicForwardProxy } from './dynamic-forward-proxy.ts';
import { fault } from './fault.ts';
import { filterDisabled, type HttpFilter } from './filter.ts';
import { headerMutation } from './header-mutation.ts';
import { jwtAuthn } from './jwt-authn.ts';
import type { HttpFilterKind } from './kind.ts';
import { mixer } from './mixer.ts';
import { passThrough } from './pass-through.ts';
import { rbac } from './rbac.ts';

/** What the router filter's config says. */
interface RouterOptions {
  readonly suppressEnvoyHeaders: boolean;
}

/** The filters of a connection manager in their order; the router comes last and is no object of its own. */
export interface FilterChain {
  readonly filters: readonly HttpFilter[];
  readonly router: RouterOptions;
}

const router = 'envoy.extensions.filters.http.router.v3.Router';
const routeSwitch = 'envoy.config.route.v3.FilterConfig';

const kinds: ReadonlyMap<string, HttpFilterKind> = new Map(
  [basicAuth, cors, dynamicForwardProxy, fault, headerMutation, jwtAuthn, mixer, rbac, ...passThrough].map(
    (kind) => [kind.config, kind],
  ),
);
const kindsOfRoutes: ReadonlyMap<string, HttpFilterKind> = new Map(
  [...kinds.values()].flatMap((kind) => (kind.routeConfig ? [[kind.routeConfig, kind] as const] : [])),
);

/**
 * Compiles a connection manager's `http_filters`. The router must stand at the end, and only there.
 * @throws LateenError LTN_CONFIG_INVALID naming a filter that isn't supported, unless it is marked optional
 */
export function compileHttpFilters(
  configs: readonly HttpFilterConfig[],
  path: string,
  surroundings: Surroundings,
): FilterChain {
  const filters: HttpFilter[] = [];
  for (const [index, filter] of configs.entries()) {
    const at = `${path}[${index}]`;
    const config = filter.typedConfig;
    if (!config) throw invalidConfig(joinPath(at, 'typed_config'), 'is missing');
    const type = anyName(config);
    if (type === router) {
      if (index !== configs.length - 1) throw invalidConfig(at, 'the router must be the last filter');
      const options = unpackAny(router, config);
      return { filters, router: { suppressEnvoyHeaders: options.suppressEnvoyHeaders ?? false } };
    }
    const kind = kinds.get(type);
    if (!kind) {
      if (filter.isOptional) continue;
      throw invalidConfig(at, `the HTTP filter ${filter.name ?? ''} of type ${type} is not supported`);
    }
    if (filter.disabled) throw invalidConfig(joinPath(at, 'disabled'), 'is not supported');
    filters.push(
      kind.compile(config, { name: filter.name ?? '', path: joinPath(at, 'typed_config'), surroundings }),
    );
  }
  throw invalidConfig(path, 'the last filter must be envoy.filters.http.router');
}

/**
 * Decodes a `typed_per_filter_config` entry for the filter that reads it; the route compiler calls it.
 * @throws LateenError LTN_CONFIG_INVALID naming `path` for a type that no filter reads
 */
export function decodeRouteFilterConfig(filter: string, config: google_protobuf_Any, path: string): unknown {
  const type = anyName(config);
  if (type === routeSwitch) {
    const { disabled, config: inner, isOptional } = unpackAny(routeSwitch, config);
    if (disabled) return filterDisabled;
    if (inner) {
      const known = kindsOfRoutes.has(anyName(inner));
      return known || !isOptional
        ? decodeRouteFilterConfig(filter, inner, joinPath(path, 'config'))
        : undefined;
    }
    return undefined;
  }
  const kind = kindsOfRoutes.get(type);
  if (!kind?.decodeRoute) {
    const known = isMessageName(type) ? 'is not read by any filter here' : 'is unknown';
    throw invalidConfig(path, `the type ${type} ${known}`);
  }
  return kind.decodeRoute(config, path);
}
