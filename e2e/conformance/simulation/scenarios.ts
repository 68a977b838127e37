import {
  compileProxy,
  createMeshModel,
  createSimulator,
  encodeResources,
  parseProxy,
  type Proxy,
  type SimulatedCall,
  type SimulationError,
  type SimulationResult,
} from '@lateen/mesh-compiler';
import {
  type envoy_extensions_transport_sockets_tls_v3_DownstreamTlsContext as DownstreamTlsContext,
  type Json,
  structOf,
  unpackAny,
} from '@lateen/protos';
import { corpusJson, tally, type Tally } from '../config/corpus.ts';
import { snapshotOf } from './objects.ts';

interface Expectation {
  readonly error?: string;
  readonly listener?: string;
  readonly filterChain?: string;
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly route?: string;
  readonly cluster?: string;
  readonly strict?: boolean;
}

interface Row {
  readonly id: string;
  readonly call: Omit<SimulatedCall, 'host' | 'headers' | 'meshSecret'> & {
    readonly hostHeader?: string;
    readonly mtlsSecretConfigName?: string;
    readonly customListenerValidations?: {
      readonly downstreamTlsCertificateSdsName?: string;
      readonly requireClientCertificate?: boolean;
    };
  };
  readonly expect: Expectation;
}

interface Scenario {
  readonly id: string;
  readonly config: string;
  readonly kubeConfig: string;
  readonly proxy: {
    readonly id: string;
    readonly namespace: string;
    readonly type: string;
    readonly ipAddresses: readonly string[];
    readonly labels?: { readonly [key: string]: string };
    readonly metadata?: { readonly [key: string]: Json };
  };
  readonly meshConfig?: { readonly [key: string]: Json };
  readonly calls: readonly Row[];
}

const errorNames: { readonly [error in SimulationError]: string } = {
  'no-listener': 'ErrNoListener',
  'no-filter-chain': 'ErrNoFilterChain',
  'no-virtual-host': 'ErrNoVirtualHost',
  'no-route': 'ErrNoRoute',
  'tls-redirect': 'ErrTLSRedirect',
  protocol: 'ErrProtocolError',
  tls: 'ErrTLSError',
  mtls: 'ErrMTLSError',
  refused: 'ErrMultipleFilterChain',
};

/** Scenarios that only a Kubernetes API can feed, with the reason. */
export const kubernetesOnly: ReadonlyMap<string, string> = new Map([
  ['TestIngress', 'Ingress objects and their Secrets come from a Kubernetes API'],
]);

function proxyOf({ proxy }: Scenario): Proxy {
  const [ip = '1.1.1.1'] = proxy.ipAddresses;
  const { id, namespace, type } = proxy;
  return parseProxy({
    id: `${type}~${ip}~${id.includes('.') ? id : `${id}.${namespace}`}~${namespace}.svc.cluster.local`,
    metadata: structOf({
      NAMESPACE: String(proxy.metadata?.namespace ?? namespace),
      LABELS: { ...proxy.labels },
      INSTANCE_IPS: proxy.ipAddresses.join(','),
    }),
  });
}

function callOf({ call }: Row): SimulatedCall {
  const { hostHeader, mtlsSecretConfigName, customListenerValidations: _checked, ...rest } = call;
  return {
    ...rest,
    ...(hostHeader === undefined ? {} : { host: hostHeader }),
    ...(mtlsSecretConfigName === undefined ? {} : { meshSecret: mtlsSecretConfigName }),
  };
}

const compared = ['listener', 'filterChain', 'routeConfig', 'virtualHost', 'route', 'cluster'] as const;

function certificateFailure(row: Row, result: SimulationResult): string | undefined {
  const wanted = row.call.customListenerValidations;
  if (!wanted) return undefined;
  const config = result.chain?.transportSocket?.typedConfig;
  const tls: DownstreamTlsContext | undefined =
    config && unpackAny('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', config);
  const name = tls?.commonTlsContext?.tlsCertificateSdsSecretConfigs?.[0]?.name;
  if (name !== wanted.downstreamTlsCertificateSdsName) return `certificate ${name}`;
  const asks = tls?.requireClientCertificate?.value ?? false;
  return asks === wanted.requireClientCertificate ? undefined : `requires a client certificate: ${asks}`;
}

function failureOf(row: Row, result: SimulationResult): string | undefined {
  const { expect } = row;
  const error = result.error && errorNames[result.error];
  const differences: string[] = [];
  if (error !== expect.error)
    differences.push(`error ${error} (${result.detail ?? ''}) instead of ${expect.error}`);
  for (const field of compared) {
    const wanted = expect[field];
    if (wanted === undefined && !expect.strict) continue;
    if ((result[field] ?? '') !== (wanted ?? ''))
      differences.push(`${field} ${result[field]} instead of ${wanted}`);
  }
  const certificate = certificateFailure(row, result);
  if (certificate) differences.push(certificate);
  return differences.length > 0 ? differences.join(', ') : undefined;
}

function* verdicts(): Generator<readonly [string, string | undefined]> {
  const { scenarios } = corpusJson('simulation/scenarios.json') as { scenarios: readonly Scenario[] };
  for (const scenario of scenarios) {
    if (kubernetesOnly.has(scenario.id.split('/')[0] ?? '')) continue;
    const mesh = scenario.meshConfig ?? {};
    const meshObject = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: JSON.stringify(mesh) },
    });
    const text = `${scenario.config}\n---\n${scenario.kubeConfig}\n---\n${meshObject}\n`;
    const snapshot = snapshotOf(text, 'default');
    const model = createMeshModel(snapshot, { domainSuffix: scenario.kubeConfig ? 'cluster.local' : '' });
    const resources = compileProxy(model, proxyOf(scenario));
    const simulator = createSimulator(encodeResources(resources));
    for (const row of scenario.calls) yield [row.id, failureOf(row, simulator.run(callOf(row)))];
  }
}

/** Calls of the scenarios. */
export function scenarioTally(): Tally {
  return tally(verdicts());
}
