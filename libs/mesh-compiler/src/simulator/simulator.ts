import {
  anyName,
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_listener_v3_Listener as Listener,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager as HttpConnectionManager,
  type envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy as TcpProxy,
  type envoy_extensions_transport_sockets_tls_v3_DownstreamTlsContext as DownstreamTlsContext,
  enumOf,
  unpackAny,
} from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import {
  compileFilterChains,
  compileRouteTable,
  type FilterChains,
  type RouteDecision,
  type RouteMiss,
  type RouteTable,
} from '@lateen/routing-engine';
import { type CompleteCall, completeCall, type SimulatedCall } from './call.ts';
import { decodeResources, type EncodedResources, type ReceivedResources } from './encoded-resources.ts';
import { inspects, matchListener } from './listener-match.ts';

/**
 * Why a call gets no answer from a workload. `tls-redirect`: it is told to come by HTTPS; `protocol`: its bytes are not
 * what the chain reads; `tls`/`mtls`: the chain asks for TLS, or for the mesh's; `refused`: the proxy would refuse the
 * resource itself.
 */
export type SimulationError =
  | 'no-listener'
  | 'no-filter-chain'
  | 'no-virtual-host'
  | 'no-route'
  | 'tls-redirect'
  | 'protocol'
  | 'tls'
  | 'mtls'
  | 'refused';

/** How far a call got, and where it goes. What it didn't reach, and what has no name, is `undefined`. */
export interface SimulationResult {
  readonly error?: SimulationError;
  /** What a `refused` says. */
  readonly detail?: string;
  readonly listener?: string;
  readonly filterChain?: string;
  /** Name of routes fetched by RDS; inline routes have none. */
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly route?: string;
  readonly cluster?: string;
  readonly chain?: FilterChain;
  readonly decision?: RouteDecision;
  /** Rules of the virtual host that were tried before, with what didn't match. */
  readonly misses?: readonly RouteMiss[];
}

/** A proxy's resources, ready for calls. */
export interface Simulator {
  readonly resources: ReceivedResources;
  /** Follows one call. Of weighted clusters the first is taken. */
  run(call: SimulatedCall): SimulationResult;
}

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const tcpProxy = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const downstreamTls = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const tlsRequirements = enumOf('envoy.config.route.v3.VirtualHost.TlsRequirementType');

/** Connection manager of a chain; `undefined`: the chain reads no HTTP. */
export function managerOf(chain: FilterChain): HttpConnectionManager | undefined {
  const config = (chain.filters ?? []).find(
    ({ typedConfig }) => typedConfig && anyName(typedConfig) === manager,
  );
  return config?.typedConfig && unpackAny(manager, config.typedConfig);
}

function tcpProxyOf(chain: FilterChain): TcpProxy | undefined {
  const config = (chain.filters ?? []).find(
    ({ typedConfig }) => typedConfig && anyName(typedConfig) === tcpProxy,
  );
  return config?.typedConfig && unpackAny(tcpProxy, config.typedConfig);
}

function tlsOf(chain: FilterChain): DownstreamTlsContext | undefined {
  const config = chain.transportSocket?.typedConfig;
  return config && anyName(config) === downstreamTls ? unpackAny(downstreamTls, config) : undefined;
}

/** Does the chain take the mesh's own certificates only? */
function asksMeshIdentity(tls: DownstreamTlsContext, meshSecret: string): boolean {
  const [secret] = tls.commonTlsContext?.tlsCertificateSdsSecretConfigs ?? [];
  return secret?.name === meshSecret && tls.requireClientCertificate?.value === true;
}

function tlsError(chain: FilterChain, call: CompleteCall): SimulationError | undefined {
  const tls = tlsOf(chain);
  if (!tls) return undefined;
  if (call.tls === 'plaintext') return 'tls';
  return asksMeshIdentity(tls, call.meshSecret) === (call.tls === 'mtls') ? undefined : 'mtls';
}

/** Facts as the listener's filters leave them: what isn't inspected isn't known. */
function offeredAlpn(listener: Listener, call: CompleteCall): string {
  const http = inspects(listener, 'envoy.filters.listener.http_inspector', call.port);
  if (call.tls === 'plaintext' && http && call.protocol !== 'tcp') {
    return call.protocol === 'http' ? 'http/1.1' : 'h2c';
  }
  return inspects(listener, 'envoy.filters.listener.tls_inspector', call.port) ? call.alpn : '';
}

class ResourceSimulator implements Simulator {
  readonly resources: ReceivedResources;
  readonly #tables = new Map<RouteConfiguration, RouteTable>();
  readonly #chains = new Map<Listener, FilterChains>();

  constructor(resources: ReceivedResources) {
    this.resources = resources;
  }

  run(given: SimulatedCall): SimulationResult {
    const call = completeCall(given);
    const listener = matchListener(this.resources.listeners, call);
    if (!listener) return { error: 'no-listener' };
    const reached: SimulationResult = { listener: listener.name ?? '' };
    let chains: FilterChains;
    try {
      chains = this.#chainsOf(listener);
    } catch (error) {
      return { ...reached, error: 'refused', detail: messageOf(error) };
    }
    const alpn = offeredAlpn(listener, call);
    const sees = inspects(listener, 'envoy.filters.listener.tls_inspector', call.port);
    const choice = chains.choose({
      destination: { address: call.address, port: call.port },
      directSource: '',
      source: { address: '198.51.100.1', port: 40_000 },
      serverName: sees ? call.sni.toLowerCase() : '',
      transportProtocol: sees && call.tls !== 'plaintext' ? 'tls' : 'raw_buffer',
      applicationProtocols: alpn ? [alpn] : [],
    });
    if (choice.kind === 'none') return { ...reached, error: 'no-filter-chain' };
    const { chain } = choice;
    const chosen: SimulationResult = { ...reached, filterChain: chain.name ?? '', chain };
    const error = tlsError(chain, call);
    if (error) return { ...chosen, error };
    const http = managerOf(chain);
    if (http) return this.#http(http, call, chosen);
    const tcp = tcpProxyOf(chain);
    const cluster = tcp?.cluster ?? tcp?.weightedClusters?.clusters?.[0]?.name;
    return cluster ? { ...chosen, cluster } : { ...chosen, error: 'no-route' };
  }

  #http(http: HttpConnectionManager, call: CompleteCall, chosen: SimulationResult): SimulationResult {
    // Nobody took the TLS off, or there is no HTTP in it.
    if ((call.tls !== 'plaintext' && !chosen.chain?.transportSocket) || call.protocol === 'tcp')
      return { ...chosen, error: 'protocol' };
    const name = http.rds?.routeConfigName;
    const named: SimulationResult = name === undefined ? chosen : { ...chosen, routeConfig: name };
    const routes = name === undefined ? http.routeConfig : this.resources.routes.get(name);
    if (!routes) return { ...named, error: 'no-virtual-host' };
    let table: RouteTable;
    try {
      table = this.#tableOf(routes);
    } catch (error) {
      return { ...named, error: 'refused', detail: messageOf(error) };
    }
    const request = {
      authority: call.host,
      path: call.path,
      method: call.method,
      scheme: call.tls === 'plaintext' ? ('http' as const) : ('https' as const),
      headers: {
        get: (header: string) => {
          if (header === ':authority' || header === 'host') return call.host;
          if (header === ':path') return call.path;
          if (header === ':method') return call.method;
          return call.headers.get(header);
        },
      },
      listenerPort: call.port,
      peerCertificate: call.tls === 'mtls' ? ('validated' as const) : ('none' as const),
      metadata: () => undefined,
      random: () => 0,
    };
    const { decision, misses } = table.explain(request);
    const virtualHost = decision.virtualHost;
    if (virtualHost === undefined) return { ...named, decision, misses, error: 'no-virtual-host' };
    const found: SimulationResult = { ...named, virtualHost, decision, misses };
    if (decision.kind === 'no-route') return { ...found, error: 'no-route' };
    if (decision.kind === 'redirect') {
      const host = routes.virtualHosts?.find((one) => one.name === virtualHost);
      const forced = (host?.requireTls ?? tlsRequirements.NONE) !== tlsRequirements.NONE;
      return forced && request.scheme === 'http'
        ? { ...found, error: 'tls-redirect' }
        : { ...found, route: decision.routeName };
    }
    if (decision.kind === 'direct') return { ...found, route: decision.routeName };
    return { ...found, route: decision.route.name, cluster: decision.cluster };
  }

  #chainsOf(listener: Listener): FilterChains {
    const known = this.#chains.get(listener) ?? compileFilterChains(listener);
    this.#chains.set(listener, known);
    return known;
  }

  #tableOf(routes: RouteConfiguration): RouteTable {
    const known =
      this.#tables.get(routes) ?? compileRouteTable(routes, { decodeFilterConfig: () => undefined });
    this.#tables.set(routes, known);
    return known;
  }
}

/**
 * A proxy that moves no bytes: the resources as a proxy would receive them, matched by the functions that the data
 * plane matches with. @throws Error for bytes that are no resources
 */
export function createSimulator(encoded: EncodedResources): Simulator {
  return new ResourceSimulator(decodeResources(encoded));
}
