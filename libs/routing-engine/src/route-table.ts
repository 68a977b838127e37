import { invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import type {
  envoy_config_core_v3_DataSource,
  envoy_config_route_v3_RouteConfiguration,
} from '@lateen/protos';
import type { RouteDecision, RouteMiss, RouteTable } from './decision.ts';
import { compileHostLookup } from './host-lookup.ts';
import { compileLevel, type FilterConfigDecoder, rootLevel } from './level.ts';
import { compileVirtualHost, type TableContext } from './virtual-host.ts';

/** What the pure engine asks its caller for. */
export interface RouteTableOptions {
  readonly decodeFilterConfig: FilterConfigDecoder;
  /** Reads data sources other than inline ones; without it those are refused. @throws LateenError naming `path` */
  readonly readDataSource?: (source: envoy_config_core_v3_DataSource, path: string) => Uint8Array;
}

function inlineData(source: envoy_config_core_v3_DataSource, path: string): Uint8Array {
  if (source.inlineString !== undefined) return Buffer.from(source.inlineString);
  if (source.inlineBytes !== undefined) return source.inlineBytes;
  throw invalidConfig(path, 'only inline data is supported');
}

const nowhere: RouteDecision = { kind: 'no-route', virtualHost: undefined };

/**
 * Compiles `envoy.config.route.v3.RouteConfiguration`; the same table serves the data plane, `lateen explain` and tests.
 * @throws LateenError LTN_CONFIG_INVALID naming the field that is wrong or not supported
 */
export function compileRouteTable(
  config: envoy_config_route_v3_RouteConfiguration,
  options: RouteTableOptions,
): RouteTable {
  refuseFields(config, '', ['vhds', 'internalOnlyHeaders', 'clusterSpecifierPlugins']);
  const clusters = new Set<string>();
  const levels = {
    decodeFilterConfig: options.decodeFilterConfig,
    mostSpecificWins: config.mostSpecificHeaderMutationsWins ?? false,
  };
  const context: TableContext = {
    ...levels,
    ignorePathParameters: config.ignorePathParametersInPathMatching ?? false,
    tableLevel: compileLevel(config, '', rootLevel, levels),
    tableMirrors: config.requestMirrorPolicies ?? [],
    readDataSource: options.readDataSource ?? inlineData,
    maxDirectBodyBytes: numberOr(config.maxDirectResponseBodySizeBytes, 4096),
    clusters,
  };
  const names = new Set<string>();
  const hosts = (config.virtualHosts ?? []).map((host, index) => {
    const path = `virtual_hosts[${index}]`;
    const owner = compileVirtualHost(host, path, context);
    if (names.has(owner.name)) throw invalidConfig(`${path}.name`, `"${owner.name}" stands twice`);
    names.add(owner.name);
    return { owner, domains: host.domains ?? [], path };
  });
  const find = compileHostLookup(hosts, { ignorePort: config.ignorePortInHostMatching ?? false });
  return {
    name: config.name ?? '',
    clusters,
    decide: (request) => find(request.authority)?.decide(request) ?? nowhere,
    explain(request) {
      const misses: RouteMiss[] = [];
      const host = find(request.authority);
      return { decision: host ? host.decide(request, misses) : nowhere, misses };
    },
  };
}
