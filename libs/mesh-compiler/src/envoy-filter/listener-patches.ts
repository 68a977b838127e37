import {
  anyName,
  enumOf,
  type envoy_config_listener_v3_Filter as Filter,
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_listener_v3_Listener as Listener,
  packAny,
  unpackAny,
} from '@lateen/protos';
import type { ResourceCollector } from '../resource-collector.ts';
import { type EnvoyPatch, patchesFor, type PatchContext, type PatchTarget } from './patch.ts';
import { patchedList } from './patched-list.ts';
import { patchedRoutes } from './route-patches.ts';

const operations = enumOf('istio.networking.v1alpha3.EnvoyFilter.Patch.Operation');
const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function isListener({ match }: EnvoyPatch, listener: Listener): boolean {
  const wanted = match.listener;
  if (!wanted) return true;
  if (wanted.name && wanted.name !== listener.name) return false;
  // All inbound ports share one listener: there the chains tell the ports apart.
  if (!wanted.portNumber || listener.name === 'virtualInbound') return true;
  return listener.address?.socketAddress?.portValue === wanted.portNumber;
}

function isChain({ match }: EnvoyPatch, chain: FilterChain): boolean {
  const { filterChainMatch: own } = chain;
  const port = own?.destinationPort?.value;
  if (match.listener?.portNumber && port !== undefined && port !== match.listener.portNumber) return false;
  const wanted = match.listener?.filterChain;
  if (!wanted) return true;
  if (wanted.name && wanted.name !== chain.name) return false;
  if (wanted.sni && !(own?.serverNames ?? []).includes(wanted.sni)) return false;
  if (wanted.transportProtocol && own?.transportProtocol !== wanted.transportProtocol) return false;
  if (wanted.destinationPort && port !== wanted.destinationPort) return false;
  const protocols = (wanted.applicationProtocols ?? '').split(',').filter((protocol) => protocol !== '');
  return protocols.every((protocol) => (own?.applicationProtocols ?? []).includes(protocol));
}

function namesFilter({ match }: EnvoyPatch): boolean {
  return Boolean(match.listener?.filterChain?.filter?.name);
}

function isNamed(wanted: string | undefined, name: string | undefined): boolean {
  return !wanted || wanted === name;
}

interface Patching {
  readonly patches: readonly EnvoyPatch[];
  readonly context: PatchContext;
  readonly listener: Listener;
}

function chosen({ patches, context, listener }: Patching, target: PatchTarget): EnvoyPatch[] {
  return patchesFor(patches, target, context).filter((patch) => isListener(patch, listener));
}

function patchedManager(patching: Patching, chain: FilterChain, filter: Filter): Filter {
  const { typedConfig } = filter;
  if (!typedConfig || anyName(typedConfig) !== manager) return filter;
  const config = unpackAny(manager, typedConfig);
  const patches = chosen(patching, 'HTTP_FILTER').filter(
    (patch) => isChain(patch, chain) && isNamed(patch.match.listener?.filterChain?.filter?.name, filter.name),
  );
  const httpFilters = patchedList(config.httpFilters ?? [], patches, {
    matches: ({ match }, { name }) => isNamed(match.listener?.filterChain?.filter?.subFilter?.name, name),
    names: ({ match }) => Boolean(match.listener?.filterChain?.filter?.subFilter?.name),
  });
  const routeConfig =
    config.routeConfig && patchedRoutes(patching.patches, patching.context, config.routeConfig);
  return {
    ...filter,
    typedConfig: packAny(manager, { ...config, httpFilters, ...(routeConfig ? { routeConfig } : {}) }),
  };
}

function patchedChain(patching: Patching, chain: FilterChain): FilterChain {
  const network = chosen(patching, 'NETWORK_FILTER').filter((patch) => isChain(patch, chain));
  const filters = patchedList(chain.filters ?? [], network, {
    matches: ({ match }, { name }) => isNamed(match.listener?.filterChain?.filter?.name, name),
    names: namesFilter,
  });
  return { ...chain, filters: filters.map((filter) => patchedManager(patching, chain, filter)) };
}

function patchedChains(patching: Patching, chains: readonly FilterChain[]): FilterChain[] {
  const patched = patchedList(chains, chosen(patching, 'FILTER_CHAIN'), {
    matches: isChain,
    names: ({ match }) => match.listener?.filterChain !== undefined,
  });
  return patched.map((chain) => patchedChain(patching, chain));
}

function patchedListener(patching: Patching): Listener {
  const { listener } = patching;
  const listenerFilters = patchedList(listener.listenerFilters ?? [], chosen(patching, 'LISTENER_FILTER'), {
    matches: ({ match }, { name }) => isNamed(match.listener?.listenerFilter, name),
    names: ({ match }) => Boolean(match.listener?.listenerFilter),
  });
  const { defaultFilterChain } = listener;
  return {
    ...listener,
    ...(listenerFilters.length > 0 ? { listenerFilters } : {}),
    filterChains: patchedChains(patching, listener.filterChains ?? []),
    ...(defaultFilterChain ? { defaultFilterChain: patchedChain(patching, defaultFilterChain) } : {}),
  };
}

/** Applies patches to the listeners and to what is in them: chains, filters, HTTP filters, inline routes. */
export function patchListeners(
  patches: readonly EnvoyPatch[],
  into: ResourceCollector,
  own: { contexts: readonly PatchContext[]; contextOf: (listener: Listener) => PatchContext },
): void {
  for (const [name, listener] of new Map(into.listeners)) {
    const context = own.contextOf(listener);
    const whole = patchesFor(patches, 'LISTENER', context).filter(
      ({ operation }) => operation !== operations.ADD,
    );
    const [kept] = patchedList([listener], whole, { matches: isListener, names: () => true });
    if (kept) into.listeners.set(name, patchedListener({ patches, context, listener: kept }));
    else into.listeners.delete(name);
  }
  for (const context of own.contexts) {
    for (const { operation, value } of patchesFor(patches, 'LISTENER', context)) {
      const added = value as Listener;
      if (operation === operations.ADD && added.name) into.listeners.set(added.name, added);
    }
  }
}
