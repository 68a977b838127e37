import { invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import {
  durationMs,
  type envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy,
  type google_protobuf_Any,
  unpackAny,
} from '@lateen/protos';
import { hashText } from '@lateen/routing-engine';
import { messageOf } from '@lateen/runtime';
import type { UpstreamCluster, UpstreamConnection, UpstreamHost } from '../cluster/cluster.ts';
import { joinSockets } from '../connection-pool/tcp.ts';
import type { DownstreamConnection, TerminalFilter } from '../connection.ts';
import { compileConnectionLogs, type ConnectionRecord } from './connection-log.ts';
import type { Surroundings } from './surroundings.ts';

const message = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

/** Envoy's default of `idle_timeout`. Milliseconds. */
const defaultIdleMs = 3_600_000;

type Config = envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy;

function compileClusterChoice(config: Config, path: string, random: () => number): () => string {
  const weighted = config.weightedClusters?.clusters ?? [];
  if (weighted.length === 0) {
    const name = config.cluster ?? '';
    if (name === '') throw invalidConfig(path, 'names no cluster');
    return () => name;
  }
  let total = 0;
  const legs = weighted.map((leg, index) => {
    const at = `${path}.weighted_clusters.clusters[${index}]`;
    refuseFields(leg, at, ['metadataMatch']);
    if (!leg.name) throw invalidConfig(`${at}.name`, 'must not be empty');
    total += leg.weight ?? 0;
    return { name: leg.name, until: total };
  });
  if (total === 0)
    throw invalidConfig(`${path}.weighted_clusters`, 'the sum of the weights must be greater than 0');
  return () => {
    const draw = random() * total;
    return (legs.find(({ until }) => draw < until) ?? legs.at(-1)!).name;
  };
}

/** Connects to a host of the cluster, trying others up to `attempts` times. */
async function connectTo(
  cluster: UpstreamCluster,
  connection: DownstreamConnection,
  attempts: number,
  record: ConnectionRecord,
): Promise<UpstreamConnection | undefined> {
  const tried = new Set<UpstreamHost>();
  const { local, remote, serverName } = connection.info;
  for (let attempt = 0; attempt < attempts && !connection.socket.destroyed; attempt += 1) {
    const host = await cluster.chooseHost({
      hash: hashText(remote.address),
      avoid: tried,
      destination: local,
      // A TLS client names its host by SNI; there is no port in it, so the one that was dialled stands.
      authority: serverName === '' ? undefined : `${serverName}:${local.port}`,
    });
    if (!host) {
      record.flags = 'UH';
      return undefined;
    }
    record.upstreamHost = host.label;
    try {
      const upstream = await cluster.connect(host);
      record.upstreamLocalAddress = upstream.localAddress;
      return upstream;
    } catch (error) {
      tried.add(host);
      cluster.report(host, 'connect-failure');
      record.flags = attempt + 1 < attempts ? 'UF' : attempts > 1 ? 'UF,URX' : 'UF';
      record.transportFailure = messageOf(error);
    }
  }
  return undefined;
}

/** Compiles `envoy.filters.network.tcp_proxy`. @throws LateenError naming the field below `path` */
export function createTcpProxy(
  any: google_protobuf_Any,
  path: string,
  surroundings: Surroundings,
): TerminalFilter {
  const config = unpackAny(message, any);
  refuseFields(config, path, [
    'onDemand',
    'metadataMatch',
    'downstreamIdleTimeout',
    'upstreamIdleTimeout',
    'tunnelingConfig',
    'maxDownstreamConnectionDuration',
  ]);
  const { clusters, clock, random, logger, metrics } = surroundings;
  const chooseCluster = compileClusterChoice(config, path, random);
  const idleTimeoutMs = config.idleTimeout ? durationMs(config.idleTimeout) || undefined : defaultIdleMs;
  const attempts = Math.max(1, numberOr(config.maxConnectAttempts, 1));
  const log = compileConnectionLogs(config.accessLog ?? [], `${path}.access_log`, surroundings);
  const labels = { envoy_tcp_prefix: config.statPrefix ?? '' };
  const total = metrics.counter('envoy_tcp_downstream_cx_total', 'Connections proxied.', labels);
  const noCluster = metrics.counter(
    'envoy_tcp_downstream_cx_no_route',
    'Connections to an unknown cluster.',
    labels,
  );
  const received = metrics.counter('envoy_tcp_downstream_cx_rx_bytes_total', 'Bytes from clients.', labels);
  const sent = metrics.counter('envoy_tcp_downstream_cx_tx_bytes_total', 'Bytes to clients.', labels);

  const serve = async (connection: DownstreamConnection, record: ConnectionRecord): Promise<void> => {
    const { socket } = connection;
    const finish = (): void => {
      received.inc(record.count.received);
      sent.inc(record.count.sent);
      log(connection, record);
    };
    const refuse = (flags: string): void => {
      record.flags ||= flags;
      socket.destroy();
      finish();
    };
    record.cluster = connection.cluster ?? chooseCluster();
    const cluster = clusters.get(record.cluster);
    if (!cluster) {
      noCluster.inc();
      return refuse('NC');
    }
    const { breakers } = cluster;
    if (breakers.connections >= breakers.maxConnections) return refuse('UO');
    breakers.connections += 1;
    const upstream = await connectTo(cluster, connection, attempts, record).catch((error: unknown) => {
      logger.error({ err: error, cluster: cluster.name }, 'connecting failed');
      return undefined;
    });
    if (!upstream) {
      breakers.connections -= 1;
      return refuse('UF');
    }
    const { host } = upstream;
    host.activeRequests += 1;
    upstream.socket.once('close', () => {
      breakers.connections -= 1;
      host.activeRequests -= 1;
    });
    if (socket.destroyed) {
      upstream.socket.destroy();
      return refuse('DC');
    }
    cluster.report(host, 200);
    joinSockets(socket, upstream.socket, {
      clock,
      idleTimeoutMs,
      count: record.count,
      onEnd: (reason) => {
        if (reason === 'idle') record.terminationDetails = 'idle_timeout';
        if (reason === 'upstream reset') record.flags ||= 'UC';
        if (reason === 'downstream reset') record.flags ||= 'DC';
        finish();
      },
    });
  };
  return {
    kind: 'terminal',
    serve(connection) {
      total.inc();
      const record: ConnectionRecord = {
        begunAt: clock.monotonic(),
        cluster: '',
        upstreamHost: '',
        upstreamLocalAddress: '',
        transportFailure: '',
        flags: '',
        terminationDetails: '',
        count: { received: 0, sent: 0 },
      };
      serve(connection, record).catch((error: unknown) => {
        logger.error({ err: error, listener: connection.info.listener }, 'a connection could not be proxied');
        connection.socket.destroy();
      });
    },
  };
}
