import { X509Certificate } from 'node:crypto';
import { type MessageName, type Messages, toJson } from '@lateen/protos';
import { type MetricsRegistry, messageOf } from '@lateen/runtime';
import { readText } from '../bootstrap/data-source.ts';
import type { AdminState } from './admin-state.ts';

const prefix = 'type.googleapis.com/';

const secretKeys: ReadonlySet<string> = new Set(['privateKey', 'password', 'sessionTicketKeys', 'pkcs12']);

/** Private keys may stand anywhere inline: whatever the dump shows passes through here. */
function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, secretKeys.has(key) ? '[redacted]' : redacted(inner)]),
  );
}

/** A message as JSON with its type, as config dumps hold it. One that can't be shown doesn't hide the others. */
function typed<N extends MessageName>(name: N, message: Messages[N]): object {
  try {
    return { '@type': prefix + name, ...(redacted(toJson(name, message)) as object) };
  } catch (error) {
    return { '@type': prefix + name, error: messageOf(error) };
  }
}

/** `/config_dump`: what is in force, Envoy's shape, private keys left out. */
export function configDump(state: AdminState): object {
  const dump = (kind: string, body: object): object => ({
    '@type': `${prefix}envoy.admin.v3.${kind}`,
    ...body,
  });
  const clusters = state.clusters().map(({ cluster, version, state: life }) => ({
    life,
    entry: { versionInfo: version, cluster: typed('envoy.config.cluster.v3.Cluster', cluster.config) },
  }));
  const listeners = state.listeners().map(({ name, version, state: life, config }) => {
    const entry = { versionInfo: version, listener: typed('envoy.config.listener.v3.Listener', config) };
    return version === 'static'
      ? { fixed: entry }
      : { dynamic: { name, [life === 'warming' ? 'warmingState' : 'activeState']: entry } };
  });
  const of = (life: string) => clusters.filter((one) => one.life === life).map(({ entry }) => entry);
  return {
    configs: [
      dump('BootstrapConfigDump', { bootstrap: redactedBootstrap(state) }),
      dump('ClustersConfigDump', {
        staticClusters: of('static'),
        dynamicActiveClusters: of('active'),
        dynamicWarmingClusters: of('warming'),
      }),
      dump('EndpointsConfigDump', {
        dynamicEndpointConfigs: [...state.endpoints().values()].map(({ version, message }) => ({
          versionInfo: version,
          endpointConfig: typed('envoy.config.endpoint.v3.ClusterLoadAssignment', message),
        })),
      }),
      dump('ListenersConfigDump', {
        staticListeners: listeners.flatMap(({ fixed }) => fixed ?? []),
        dynamicListeners: listeners.flatMap(({ dynamic }) => dynamic ?? []),
      }),
      dump('RoutesConfigDump', {
        dynamicRouteConfigs: [...state.routes().values()].map(({ version, message }) => ({
          versionInfo: version,
          routeConfig: typed('envoy.config.route.v3.RouteConfiguration', message),
        })),
      }),
      dump('SecretsConfigDump', {
        dynamicActiveSecrets: state.secrets().map(({ name, version }) => ({ name, versionInfo: version })),
      }),
    ],
    rejected: state.rejected(),
  };
}

function redactedBootstrap({ bootstrap }: AdminState): object {
  const { staticResources, ...rest } = bootstrap;
  const { secrets, ...others } = staticResources ?? {};
  const names = (secrets ?? []).map(({ name }) => ({ name }));
  return typed('envoy.config.bootstrap.v3.Bootstrap', {
    ...rest,
    staticResources: { ...others, secrets: names },
  });
}

/** `/clusters`: Envoy's `::` lines. */
export function clusterLines(state: AdminState): string {
  let out = '';
  for (const { cluster } of state.clusters()) {
    const { name, breakers } = cluster;
    out += `${name}::default_priority::max_connections::${breakers.maxConnections}\n`;
    out += `${name}::default_priority::max_pending_requests::${breakers.maxPendingRequests}\n`;
    out += `${name}::default_priority::max_requests::${breakers.maxRequests}\n`;
    out += `${name}::default_priority::max_retries::${breakers.maxRetries}\n`;
    for (const host of cluster.hosts) {
      const flags = [
        ...(host.healthy ? [] : ['/failed_eds_health']),
        ...(host.ejected ? ['/failed_outlier_check'] : []),
      ];
      const line = `${name}::${host.label}`;
      out += `${line}::rq_active::${host.activeRequests}\n`;
      out += `${line}::hostname::${host.hostname}\n`;
      out += `${line}::health_flags::${flags.join('') || 'healthy'}\n`;
      out += `${line}::weight::${host.weight}\n`;
      out += `${line}::priority::${host.priority}\n`;
    }
  }
  return out;
}

/** `/listeners`: a line a listener, or Envoy's JSON form. */
export function listenerLines(state: AdminState, format: 'text' | 'json'): unknown {
  const listeners = state.listeners();
  if (format === 'text') return listeners.map(({ name, address }) => `${name}::${address}\n`).join('');
  return {
    listenerStatuses: listeners.map(({ name, port, address, state: life, connections, config }) => ({
      name,
      localAddress: config.address?.socketAddress
        ? { socketAddress: { address: config.address.socketAddress.address, portValue: port } }
        : { pipe: { path: address } },
      state: life,
      connections,
    })),
  };
}

/** `/stats`: `name{labels}: value` lines, sorted. */
export function statsLines(metrics: MetricsRegistry): string {
  const lines = metrics
    .text()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => `${line.slice(0, line.lastIndexOf(' '))}: ${line.slice(line.lastIndexOf(' ') + 1)}\n`);
  return lines.sort().join('');
}

/** `/server_info`. */
export function serverInfo({ state, bootstrap }: AdminState): object {
  return {
    version: 'lateen',
    state,
    node: bootstrap.node ? toJson('envoy.config.core.v3.Node', bootstrap.node) : {},
  };
}

function describe(pem: string): object[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map((one) => {
    const certificate = new X509Certificate(one);
    return {
      subject: certificate.subject,
      subjectAltNames: certificate.subjectAltName ?? '',
      serialNumber: certificate.serialNumber.toLowerCase(),
      validFrom: certificate.validFromDate.toISOString(),
      expirationTime: certificate.validToDate.toISOString(),
    };
  });
}

/** `/certs`: the certificates in use, without keys. */
export function certificates(state: AdminState): object {
  return {
    certificates: state.secrets().map(({ name, message }) => {
      const chain = message.tlsCertificate?.certificateChain;
      const roots = message.validationContext?.trustedCa;
      return {
        name,
        certChain: chain ? describe(readText(chain, name) ?? '') : [],
        caCert: roots ? describe(readText(roots, name) ?? '') : [],
      };
    }),
  };
}
