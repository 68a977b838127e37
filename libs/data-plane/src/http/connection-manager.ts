import { invalidConfig } from '@lateen/matching';
import type { envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager as HttpConnectionManager } from '@lateen/protos';
import type { RouteTable } from '@lateen/routing-engine';
import type { TerminalFilter } from '../connection.ts';
import { Http1Pools } from '../connection-pool/http1.ts';
import { compileHttpFilters } from '../http-filters/registry.ts';
import type { RouteSource, Surroundings } from '../network-filters/surroundings.ts';
import { compileAccessLog } from '../reporting/access-log.ts';
import { ClusterCounterIndex } from '../reporting/cluster-counters.ts';
import { StreamReporter } from '../reporting/stream-reporter.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http2DownstreamConnection } from './http2-connection.ts';
import { compileLocalReplyMap } from './local-reply-map.ts';
import type { Manager } from './manager.ts';
import { ManagerSlot } from './manager-slot.ts';
import { DateHeader } from './response-rules.ts';
import { compileManagerSettings } from './settings.ts';

interface Shared {
  readonly pools: Http1Pools;
  readonly counters: ClusterCounterIndex;
}

// Pools and counters belong to the data plane, not to one listener: managers of the same surroundings share them.
const shared = new WeakMap<Surroundings, Shared>();

/** Slots of the managers that were made here: only an HTTP connection manager can take over from another. */
const slots = new WeakMap<TerminalFilter, ManagerSlot>();

function sharedOf(surroundings: Surroundings): Shared {
  let found = shared.get(surroundings);
  if (!found) {
    found = {
      pools: new Http1Pools(surroundings.clock),
      counters: new ClusterCounterIndex(surroundings.metrics),
    };
    shared.set(surroundings, found);
  }
  return found;
}

function fixedRoutes(table: RouteTable): RouteSource {
  return {
    current: table,
    subscribe(listener) {
      listener(table);
      return () => {};
    },
  };
}

function routesOf(config: HttpConnectionManager, path: string, surroundings: Surroundings): RouteSource {
  if (config.routeConfig) return fixedRoutes(surroundings.compileRoutes(config.routeConfig));
  const name = config.rds?.routeConfigName;
  if (!name) throw invalidConfig(path, 'needs route_config or rds.route_config_name');
  return surroundings.routes(name);
}

/**
 * Compiles an HTTP connection manager (`envoy.filters.network.http_connection_manager`). It serves HTTP/1.1,
 * and HTTP/2 where ALPN or `codec_type` says so.
 * @throws LateenError LTN_CONFIG_INVALID naming the field that is wrong or not supported
 */
export function createHttpConnectionManager(
  config: HttpConnectionManager,
  surroundings: Surroundings,
): TerminalFilter {
  const path = 'http_connection_manager';
  const { clock, random, logger, metrics, clusters } = surroundings;
  const settings = compileManagerSettings(config, path);
  const chain = compileHttpFilters(config.httpFilters ?? [], `${path}.http_filters`, surroundings);
  const logs = (config.accessLog ?? []).map((log, index) =>
    compileAccessLog(log, `${path}.access_log[${index}]`, surroundings),
  );
  const { pools, counters } = sharedOf(surroundings);
  const manager: Manager = {
    settings,
    routes: routesOf(config, path, surroundings),
    filters: chain.filters,
    router: {
      clusters,
      pools,
      clock,
      random,
      logger,
      counters,
      suppressEnvoyHeaders: chain.router.suppressEnvoyHeaders,
    },
    reporter: new StreamReporter(metrics, settings.statPrefix, logs),
    mapLocalReply:
      config.localReplyConfig && compileLocalReplyMap(config.localReplyConfig, `${path}.local_reply_config`),
    date: new DateHeader(clock),
    clock,
    random,
    logger,
  };
  const slot = new ManagerSlot(manager);
  const filter: TerminalFilter = {
    kind: 'terminal',
    serve: (connection) => {
      const { codec } = settings;
      const http2 = codec === 'http2' || (codec === 'auto' && connection.info.applicationProtocol === 'h2');
      if (http2) new Http2DownstreamConnection(connection, slot);
      else new Http1Connection(connection, slot);
    },
    succeed(previous) {
      const old = slots.get(previous);
      old?.replaceBy(slot);
      return old !== undefined;
    },
  };
  slots.set(filter, slot);
  return filter;
}
