import type { HeaderView } from '@lateen/matching';
import {
  anyName,
  type envoy_config_endpoint_v3_ClusterLoadAssignment as ClusterLoadAssignment,
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
  type envoy_extensions_filters_http_rbac_v3_RBAC as RbacFilter,
  structJson,
  unpackAny,
} from '@lateen/protos';
import { compileProxy } from '../compile-proxy.ts';
import { httpProxyPort } from '../listener/http-proxy-listener.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { parseProxy, type Proxy, sharesLoopback } from '../model/proxy.ts';
import type { Endpoint } from '../model/service.ts';
import type { SimulatedCall } from './call.ts';
import { encodeResources } from './encoded-resources.ts';
import { nearestMiss } from './nearest-miss.ts';
import { createSimulator, managerOf, type SimulationError, type SimulationResult } from './simulator.ts';

/** A request to explain. */
export interface ExplainedRequest {
  readonly method: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly tls: boolean;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** One rule of the virtual host. */
export interface ExplainedRule {
  readonly route: string;
  readonly taken: boolean;
  /** What didn't match. */
  readonly reason?: string;
  /** Path of the object that it comes from, as `/apis/networking.istio.io/v1/namespaces/NS/virtual-service/NAME`. */
  readonly object?: string;
}

/** How the server's sidecar takes the request. */
export interface ExplainedServer {
  readonly endpoint: string;
  readonly workload: string;
  readonly mtls: 'strict' | 'permissive' | 'disable';
  readonly filterChain?: string;
  readonly cluster?: string;
  readonly allowed: boolean;
  /** Policies in force that decide over HTTP, with the one that decided. */
  readonly policies: readonly string[];
  readonly decidedBy?: string;
}

/** The way of one request through the mesh. */
export interface Explanation {
  readonly outcome: 'forward' | 'redirect' | 'direct' | 'failure';
  readonly listener?: string;
  readonly filterChain?: string;
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly rules: readonly ExplainedRule[];
  readonly cluster?: string;
  readonly subset?: string;
  /** `address:port`. */
  readonly endpoints: readonly string[];
  readonly server?: ExplainedServer;
  /** One plain sentence: why there is no answer from a workload. */
  readonly failure?: string;
  /** What came closest. */
  readonly nearestMiss?: string;
}

/** What a policy looks at of the request. */
export interface JudgedRequest {
  readonly headers: HeaderView;
  readonly path: string;
  readonly peer: {
    readonly uris: readonly string[];
    readonly dnsNames: readonly string[];
    readonly subject: string;
  };
  readonly directRemoteAddress: string;
  readonly remoteAddress: string;
  readonly destination: { readonly address: string; readonly port: number };
  readonly serverName: string;
  metadata(filter: string): unknown;
}

/** What an RBAC filter says; `undefined`: it enforces nothing. The caller brings the data plane's own. */
export type PolicyJudge = (
  filter: RbacFilter,
  request: JudgedRequest,
) => { readonly allowed: boolean; readonly policy: string | undefined } | undefined;

const rbac = 'envoy.extensions.filters.http.rbac.v3.RBAC';

function sentence(error: SimulationError, request: ExplainedRequest, result: SimulationResult): string {
  const where = `${request.host}:${request.port}`;
  switch (error) {
    case 'no-listener':
      return `The caller's proxy has no listener for port ${request.port}.`;
    case 'no-filter-chain':
      return `No filter chain of listener ${result.listener} takes this connection.`;
    case 'no-virtual-host':
      return `No virtual host of ${result.routeConfig ?? result.listener} has the name ${where}.`;
    case 'no-route':
      return `Virtual host ${result.virtualHost} knows ${request.host}, but none of its rules matches.`;
    case 'tls-redirect':
      return `${where} is served by HTTPS only; the answer is a redirect to it.`;
    case 'protocol':
      return `The bytes on port ${request.port} are not the HTTP that listener ${result.listener} reads.`;
    case 'tls':
      return `Listener ${result.listener} takes TLS only, and the call comes without.`;
    case 'mtls':
      return `Listener ${result.listener} asks for another TLS than the call brings.`;
    case 'refused':
      return `The proxy would refuse its configuration: ${result.detail}.`;
  }
}

function callOf(model: MeshModel, proxy: Proxy, request: ExplainedRequest): SimulatedCall {
  const { method, path, headers, port, host } = request;
  const proxyPort = httpProxyPort(model, proxy);
  if (sharesLoopback(proxy) && proxyPort !== undefined) {
    return {
      address: '127.0.0.1',
      port: proxyPort,
      protocol: 'http',
      host: `${host}:${port}`,
      path,
      method,
      headers,
    };
  }
  const address = model.scope(proxy).services.get(fullName(model, proxy, host))?.addresses[0];
  return {
    ...(address === undefined ? {} : { address }),
    port,
    protocol: 'http',
    tls: request.tls ? 'tls' : 'plaintext',
    host,
    path,
    method,
    headers,
  };
}

/** Host of the service that a client means by a short name. */
function fullName(model: MeshModel, proxy: Proxy, host: string): string {
  const { services } = model.scope(proxy);
  const forms = [
    host,
    `${host}.${proxy.namespace}.svc.${model.domainSuffix}`,
    `${host}.svc.${model.domainSuffix}`,
    `${host}.${model.domainSuffix}`,
  ];
  return forms.find((form) => services.has(form)) ?? host;
}

function objectOf(routes: RouteConfiguration | undefined, host: string, name: string): string | undefined {
  const owner = routes?.virtualHosts?.find((one) => one.name === host);
  const route = (owner?.routes ?? []).find((one, index) => (one.name || `#${index}`) === name);
  const istio = route?.metadata?.filterMetadata?.istio;
  const config = istio && structJson(istio).config;
  return typeof config === 'string' ? config : undefined;
}

function endpointsOf(assignment: ClusterLoadAssignment | undefined): string[] {
  return (assignment?.endpoints ?? []).flatMap(({ lbEndpoints }) =>
    (lbEndpoints ?? []).flatMap(({ endpoint }) => {
      const { socketAddress, pipe } = endpoint?.address ?? {};
      if (pipe) return [`unix://${pipe.path}`];
      return socketAddress ? [`${socketAddress.address}:${socketAddress.portValue}`] : [];
    }),
  );
}

function workloadAt(model: MeshModel, text: string): Endpoint | undefined {
  for (const service of model.services) {
    for (const port of service.ports) {
      const found = model.endpoints(service, port).find((one) => `${one.address}:${one.port}` === text);
      if (found) return found;
    }
  }
  return undefined;
}

/** The policies of a chain, in the order in which they are asked, and what they say. */
function judged(
  chain: FilterChain | undefined,
  request: ExplainedRequest,
  by: { peer: string; judge: PolicyJudge },
): Pick<ExplainedServer, 'allowed' | 'policies' | 'decidedBy'> {
  const policies: string[] = [];
  const { peer, judge } = by;
  let refusal: string | undefined;
  let permit: string | undefined;
  for (const { typedConfig } of (chain && managerOf(chain)?.httpFilters) ?? []) {
    if (!typedConfig || anyName(typedConfig) !== rbac) continue;
    const filter = unpackAny(rbac, typedConfig);
    policies.push(...Object.keys(filter.rules?.policies ?? {}));
    const verdict = judge(filter, {
      headers: {
        get: (name) =>
          name === ':method'
            ? request.method
            : name === ':path'
              ? request.path
              : name === ':authority' || name === 'host'
                ? request.host
                : request.headers.get(name),
      },
      path: request.path,
      peer: { uris: [peer], dnsNames: [], subject: '' },
      directRemoteAddress: '',
      remoteAddress: '',
      destination: { address: '', port: request.port },
      serverName: '',
      metadata: () => undefined,
    });
    if (verdict && !verdict.allowed) refusal ??= verdict.policy ?? 'no ALLOW policy matches';
    else permit ??= verdict?.policy;
  }
  const decidedBy = refusal ?? permit;
  return { allowed: refusal === undefined, policies, ...(decidedBy === undefined ? {} : { decidedBy }) };
}

function serverSide(
  model: MeshModel,
  caller: Proxy,
  query: { request: ExplainedRequest; endpoint: string; judge: PolicyJudge },
): ExplainedServer | undefined {
  const { request, endpoint } = query;
  const workload = workloadAt(model, endpoint);
  if (!workload) return undefined;
  const { address, port, namespace, labels, workloadName } = workload;
  const proxy: Proxy = {
    ...parseProxy({ id: `sidecar~${address}~${workloadName}.${namespace}~${namespace}.svc.cluster.local` }),
    labels,
  };
  const mtls = model.peerAuthentications.mode(namespace, labels, workload.policyPorts);
  const result = createSimulator(encodeResources(compileProxy(model, proxy))).run({
    address,
    port,
    protocol: 'http',
    tls: workload.tlsMode === 'istio' && mtls !== 'disable' ? 'mtls' : 'plaintext',
    host: request.host,
    path: request.path,
    method: request.method,
    headers: request.headers,
    mode: 'inbound',
  });
  const principal = `spiffe://${model.trustDomain}/ns/${caller.namespace}/sa/${caller.serviceAccount || 'default'}`;
  const verdict = judged(result.chain, request, { peer: principal, judge: query.judge });
  return {
    endpoint,
    workload: `${workloadName}.${namespace}`,
    mtls,
    ...(result.filterChain ? { filterChain: result.filterChain } : {}),
    ...(result.cluster ? { cluster: result.cluster } : {}),
    ...verdict,
    allowed: verdict.allowed && result.error === undefined,
  };
}

function failureOf(
  result: SimulationResult,
  request: ExplainedRequest,
  reached: { endpoints: readonly string[]; knowsCluster: boolean; server: ExplainedServer | undefined },
): string | undefined {
  if (result.error) return sentence(result.error, request, result);
  const { cluster, decision } = result;
  if (result.virtualHost === 'block_all')
    return `The mesh calls no host that it doesn't know (REGISTRY_ONLY), and ${request.host}:${request.port} is none it knows.`;
  if (!cluster || decision?.kind === 'direct') return undefined;
  if (!reached.knowsCluster)
    return `The rule leads to ${cluster}, which is no cluster of the caller's proxy.`;
  if (reached.endpoints.length === 0 && cluster.startsWith('outbound|'))
    return `The rule leads to ${cluster}, which has no endpoint.`;
  const { server } = reached;
  return server && !server.allowed
    ? `${server.workload} refuses the request: ${server.decidedBy ?? 'its sidecar takes no such connection'}.`
    : undefined;
}

/** Follows a request from a caller's proxy to the policies of the workload that would serve it. */
export function explainCall(
  model: MeshModel,
  proxy: Proxy,
  query: { request: ExplainedRequest; judge: PolicyJudge },
): Explanation {
  const { request, judge } = query;
  const simulator = createSimulator(encodeResources(compileProxy(model, proxy)));
  const result = simulator.run(callOf(model, proxy, request));
  const { resources } = simulator;
  const { listener, filterChain, routeConfig, virtualHost, cluster, decision } = result;
  const routes = routeConfig === undefined ? undefined : resources.routes.get(routeConfig);
  const rule = (route: string, fields: Pick<ExplainedRule, 'taken' | 'reason'>): ExplainedRule => {
    const object = virtualHost === undefined ? undefined : objectOf(routes, virtualHost, route);
    return { route, ...fields, ...(object ? { object } : {}) };
  };
  const rules = [
    ...(result.misses ?? []).map(({ route, reason }) => rule(route, { taken: false, reason })),
    ...(result.route === undefined || result.error
      ? []
      : [rule(result.route || `#${result.misses?.length ?? 0}`, { taken: true })]),
  ];
  const found = cluster === undefined ? undefined : resources.clusters.get(cluster);
  const endpoints = endpointsOf(resources.endpoints.get(cluster ?? '') ?? found?.loadAssignment);
  const [first] = endpoints;
  const server =
    first === undefined ? undefined : serverSide(model, proxy, { request, endpoint: first, judge });
  const reached = { endpoints, knowsCluster: found !== undefined, server };
  const failure = failureOf(result, request, reached);
  const subset = cluster?.split('|')[2];
  const lost = failure !== undefined || virtualHost === 'allow_any';
  const nearest = lost && !server ? nearestMiss(routes, virtualHost, request) : undefined;
  return {
    outcome: failure ? 'failure' : decision && decision.kind !== 'no-route' ? decision.kind : 'forward',
    ...(listener ? { listener } : {}),
    ...(filterChain ? { filterChain } : {}),
    ...(routeConfig ? { routeConfig } : {}),
    ...(virtualHost ? { virtualHost } : {}),
    rules,
    ...(cluster ? { cluster } : {}),
    ...(subset ? { subset } : {}),
    endpoints,
    ...(server ? { server } : {}),
    ...(failure ? { failure } : {}),
    ...(nearest ? { nearestMiss: nearest } : {}),
  };
}
