import { boolOr, invalidConfig, refuseFields } from '@lateen/matching';
import {
  anyName,
  durationMs,
  type envoy_config_listener_v3_FilterChain,
  type envoy_config_listener_v3_Listener,
  unpackAny,
} from '@lateen/protos';
import { compileFilterChains, type FilterChains } from '@lateen/routing-engine';
import { type NetworkAddress, readAddress } from '../bootstrap/address.ts';
import { fetchTimeoutMs } from '../resources/warming.ts';
import { ActiveChain, chainKey, type ListenerSurroundings } from './active-chain.ts';
import { compileListenerFilters, type ListenerFilters } from './listener-filters.ts';

/** What a listener waits for, beside its certificates. */
interface RouteNeed {
  readonly name: string;
  /** Time after which it listens without them; `undefined`: never. Milliseconds. */
  readonly timeoutMs: number | undefined;
}

const connectionManager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** A listener's config compiled: decides for each connection which chain serves it. */
export interface CompiledListener {
  readonly name: string;
  readonly config: envoy_config_listener_v3_Listener;
  readonly address: NetworkAddress;
  readonly filters: ListenerFilters;
  /** `undefined`: inspection waits for ever. */
  readonly inspectionTimeoutMs: number | undefined;
  readonly continueOnTimeout: boolean;
  readonly choose: FilterChains['choose'];
  readonly chains: ReadonlyMap<envoy_config_listener_v3_FilterChain, ActiveChain>;
  /** Route configurations that its connection managers fetch. */
  readonly routes: readonly RouteNeed[];
}

function refuseUnsupported(config: envoy_config_listener_v3_Listener): void {
  refuseFields(config, '', [
    'additionalAddresses',
    'filterChainMatcher',
    'udpListenerConfig',
    'apiListener',
    'socketOptions',
    'enableMptcp',
  ]);
  for (const [field, value] of [
    ['use_original_dst', config.useOriginalDst],
    ['transparent', config.transparent],
    ['freebind', config.freebind],
  ] as const) {
    if (boolOr(value, false)) throw invalidConfig(field, 'is not supported');
  }
  if (!boolOr(config.bindToPort, true)) throw invalidConfig('bind_to_port', 'false is not supported');
  if (!boolOr(config.deprecatedV1?.bindToPort, true))
    throw invalidConfig('deprecated_v1.bind_to_port', 'false is not supported');
}

function routesOf(chains: readonly envoy_config_listener_v3_FilterChain[]): readonly RouteNeed[] {
  const needs = new Map<string, RouteNeed>();
  for (const chain of chains) {
    for (const { typedConfig } of chain.filters ?? []) {
      if (!typedConfig || anyName(typedConfig) !== connectionManager) continue;
      const { rds } = unpackAny(connectionManager, typedConfig);
      const name = rds?.routeConfigName;
      if (!name) continue;
      if (!rds.configSource?.ads)
        throw invalidConfig('http_connection_manager.rds.config_source', 'only ads is supported');
      needs.set(name, { name, timeoutMs: fetchTimeoutMs(durationMs(rds.configSource.initialFetchTimeout)) });
    }
  }
  return [...needs.values()];
}

/**
 * Compiles a listener. Chains that `previous` has with the very same config are taken over with their connections.
 * @throws LateenError LTN_CONFIG_INVALID naming the field; chains that were made for it are disposed of
 */
export function compileListener(
  config: envoy_config_listener_v3_Listener,
  previous: CompiledListener | undefined,
  surroundings: ListenerSurroundings,
): CompiledListener {
  refuseUnsupported(config);
  const name = config.name ?? '';
  if (name === '') throw invalidConfig('name', 'must not be empty');
  const address: NetworkAddress = config.internalListener
    ? { kind: 'internal', listener: name }
    : readAddress(config.address, 'address');
  const filters = compileListenerFilters(config.listenerFilters ?? []);
  const { choose } = compileFilterChains(config);
  const known = new Map([...(previous?.chains.values() ?? [])].map((chain) => [chain.key, chain]));
  const chains = new Map<envoy_config_listener_v3_FilterChain, ActiveChain>();
  const made: ActiveChain[] = [];
  const take = (chain: envoy_config_listener_v3_FilterChain, path: string): void => {
    const key = chainKey(chain);
    let active = known.get(key);
    if (!active) {
      active = new ActiveChain(chain, path, surroundings);
      made.push(active);
      known.set(key, active);
    }
    chains.set(chain, active);
  };
  const all = config.filterChains ?? [];
  try {
    for (const [index, chain] of all.entries()) take(chain, `filter_chains[${index}]`);
    if (config.defaultFilterChain) take(config.defaultFilterChain, 'default_filter_chain');
    if (chains.size === 0) throw invalidConfig('filter_chains', 'must not be empty');
  } catch (error) {
    for (const chain of made) void chain.drain(0);
    throw error;
  }
  const routes = routesOf(config.defaultFilterChain ? [...all, config.defaultFilterChain] : all);
  const timeoutMs = config.listenerFiltersTimeout ? durationMs(config.listenerFiltersTimeout) : 15_000;
  return {
    name,
    config,
    address,
    filters,
    inspectionTimeoutMs: timeoutMs || undefined,
    continueOnTimeout: config.continueOnListenerFiltersTimeout ?? false,
    choose,
    chains,
    routes,
  };
}
