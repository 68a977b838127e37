import { invalidConfig, refuseFields } from '@lateen/matching';
import { anyName, type envoy_config_listener_v3_Filter, type google_protobuf_Any } from '@lateen/protos';
import type { GateFilter, NetworkFilter, TerminalFilter } from '../connection.ts';
import type { Surroundings } from './surroundings.ts';

/** Compiles a filter's config. @throws LateenError LTN_CONFIG_INVALID naming the field below `path` */
export type NetworkFilterFactory = (
  config: google_protobuf_Any,
  path: string,
  surroundings: Surroundings,
) => NetworkFilter;

/** Network filters by the message name of their config. */
export type NetworkFilterRegistry = ReadonlyMap<string, NetworkFilterFactory>;

/** The filters of a chain: gates in order, then the one that serves. */
export interface FilterPipeline {
  readonly gates: readonly GateFilter[];
  readonly terminal: TerminalFilter;
}

/** Compiles a chain's filters. @throws LateenError naming a filter that is unknown or in the wrong place */
export function compilePipeline(
  filters: readonly envoy_config_listener_v3_Filter[],
  path: string,
  registry: NetworkFilterRegistry,
  surroundings: Surroundings,
): FilterPipeline {
  const gates: GateFilter[] = [];
  let terminal: TerminalFilter | undefined;
  for (const [index, filter] of filters.entries()) {
    const at = `${path}[${index}]`;
    refuseFields(filter, at, ['configDiscovery']);
    if (!filter.typedConfig) throw invalidConfig(`${at}.typed_config`, 'is required');
    const type = anyName(filter.typedConfig);
    const factory = registry.get(type);
    if (!factory)
      throw invalidConfig(at, `the network filter ${filter.name ?? ''} (${type}) is not supported`);
    if (terminal)
      throw invalidConfig(at, `${filter.name ?? type} stands behind a filter that ends the chain`);
    const compiled = factory(filter.typedConfig, `${at}.typed_config`, surroundings);
    if (compiled.kind === 'terminal') terminal = compiled;
    else gates.push(compiled);
  }
  if (!terminal) throw invalidConfig(path, 'the last filter must serve the connection, as tcp_proxy does');
  return { gates, terminal };
}
