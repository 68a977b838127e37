import {
  enumOf,
  type envoy_config_route_v3_Route as Route,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
  type envoy_config_route_v3_VirtualHost as VirtualHost,
} from '@lateen/protos';
import { type EnvoyPatch, patchesFor, type PatchContext } from './patch.ts';
import { patchedList } from './patched-list.ts';

const actions = enumOf('istio.networking.v1alpha3.EnvoyFilter.RouteConfigurationMatch.RouteMatch.Action');

function gatewayOf(name: string): string {
  const [, , , gateway = '', namespace = ''] = name.startsWith('https.') ? name.split('.') : [];
  return `${namespace}/${gateway}`;
}

function inConfiguration({ match }: EnvoyPatch, { name = '' }: RouteConfiguration): boolean {
  const wanted = match.routeConfiguration;
  if (!wanted) return true;
  if (wanted.name && wanted.name !== name) return false;
  if (wanted.portName && name.startsWith('https.') && name.split('.')[2] !== wanted.portName) return false;
  // Plain HTTP of a port is one configuration for all Gateways of it.
  if (wanted.gateway && name.startsWith('https.') && gatewayOf(name) !== wanted.gateway) return false;
  if (!wanted.portNumber) return true;
  const parts = name.split(/[.|:]/);
  return parts.includes(String(wanted.portNumber));
}

function inHost({ match }: EnvoyPatch, { name, domains }: VirtualHost): boolean {
  const wanted = match.routeConfiguration?.vhost;
  if (!wanted) return true;
  if (wanted.name && wanted.name !== name) return false;
  return !wanted.domainName || (domains ?? []).includes(wanted.domainName);
}

function isRoute({ match }: EnvoyPatch, { name, route, redirect, directResponse }: Route): boolean {
  const wanted = match.routeConfiguration?.vhost?.route;
  if (!wanted) return true;
  if (wanted.name && wanted.name !== name) return false;
  switch (wanted.action ?? actions.ANY) {
    case actions.ROUTE:
      return route !== undefined;
    case actions.REDIRECT:
      return redirect !== undefined;
    case actions.DIRECT_RESPONSE:
      return directResponse !== undefined;
    default:
      return true;
  }
}

/** A route configuration with its patches: the whole, then its hosts, then their routes. */
export function patchedRoutes(
  patches: readonly EnvoyPatch[],
  context: PatchContext,
  routes: RouteConfiguration,
): RouteConfiguration {
  const own = (target: 'ROUTE_CONFIGURATION' | 'VIRTUAL_HOST' | 'HTTP_ROUTE'): EnvoyPatch[] =>
    patchesFor(patches, target, context).filter((patch) => inConfiguration(patch, routes));
  const [whole = routes] = patchedList([routes], own('ROUTE_CONFIGURATION'), {
    matches: inConfiguration,
    names: () => true,
  });
  const hostPatches = own('VIRTUAL_HOST');
  const routePatches = own('HTTP_ROUTE');
  if (hostPatches.length + routePatches.length === 0) return whole;
  const hosts = patchedList(whole.virtualHosts ?? [], hostPatches, {
    matches: inHost,
    names: ({ match }) => match.routeConfiguration?.vhost !== undefined,
  });
  const virtualHosts = hosts.map((host) => {
    const ownPatches = routePatches.filter((patch) => inHost(patch, host));
    if (ownPatches.length === 0) return host;
    const patched = patchedList(host.routes ?? [], ownPatches, {
      matches: isRoute,
      names: ({ match }) => match.routeConfiguration?.vhost?.route !== undefined,
    });
    return { ...host, routes: patched };
  });
  return { ...whole, virtualHosts };
}
