import { addressBytes } from '@lateen/matching';
import {
  addConnectionAttributes,
  addTcpReportAttributes,
  createMixerClient,
  type TcpProgress,
} from '@lateen/mixer-client';
import { durationMs, type google_protobuf_Any, unpackAny } from '@lateen/protos';
import type { MutableBag } from '@lateen/attributes';
import { invalidConfig } from '@lateen/matching';
import type { Timer } from '@lateen/runtime';
import type { DownstreamConnection, GateFilter } from '../connection.ts';
import type { Surroundings } from './surroundings.ts';

const message = 'istio.mixer.v1.config.client.TcpClientConfig';

/** Istio's default of `report_interval`, and the shortest that is taken. Milliseconds. */
const reportEveryMs = 10_000;
const shortestReportMs = 1000;

/**
 * Compiles the Mixer network filter: a check when a connection is accepted, reports at its start, every interval and
 * its end. Source: istio/proxy `src/envoy/tcp/mixer`.
 * @throws LateenError naming the field below `path`
 */
export function createNetworkMixer(
  any: google_protobuf_Any,
  path: string,
  surroundings: Surroundings,
): GateFilter {
  const config = unpackAny(message, any);
  const { clock, random, metrics, logger } = surroundings;
  const cluster = config.transport?.checkCluster || config.transport?.reportCluster || '';
  if (cluster === '') throw invalidConfig(`${path}.transport.check_cluster`, 'must not be empty');
  const service = {
    mixerAttributes: config.mixerAttributes,
    disableCheckCalls: config.disableCheckCalls ?? false,
    disableReportCalls: config.disableReportCalls ?? false,
    quotaSpec: config.connectionQuotaSpec ? [config.connectionQuotaSpec] : [],
  };
  const client = createMixerClient({
    client: () => surroundings.rpc(cluster),
    config: { transport: config.transport },
    clock,
    random,
    metrics,
    logger,
  });
  const intervalMs = Math.max(durationMs(config.reportInterval) || reportEveryMs, shortestReportMs);

  const bagOf = ({ info }: DownstreamConnection): MutableBag => {
    const bag = client.requestBag(service, undefined);
    addConnectionAttributes(bag, {
      connectionId: `${surroundings.node.id}-${info.id}`,
      sourceIp: addressBytes(info.remote.address),
      mutualTls: info.peer !== undefined,
      requestedServerName: info.serverName || undefined,
      peerPrincipal: info.peer?.uris[0],
      localPrincipal: info.ownUris[0],
      timeMs: info.startedAt,
    });
    return bag;
  };

  const reportAll = (connection: DownstreamConnection): void => {
    const { info, socket } = connection;
    let previous: TcpProgress = { receivedBytes: 0, sentBytes: 0 };
    let timer: Timer | undefined;
    const report = (event: 'open' | 'continue' | 'close'): void => {
      const progress = { receivedBytes: socket.bytesRead, sentBytes: socket.bytesWritten };
      const bag = bagOf(connection);
      const timeMs = clock.now();
      addTcpReportAttributes(bag, {
        ...progress,
        event,
        previous,
        timeMs,
        durationMs: timeMs - info.startedAt,
        destinationIp: addressBytes(info.local.address),
        destinationPort: info.local.port,
      });
      previous = progress;
      client.report(bag);
      if (event !== 'close') timer = clock.after(intervalMs, () => report('continue'));
    };
    socket.once('close', () => {
      timer?.cancel();
      report('close');
    });
    report('open');
  };

  return {
    kind: 'gate',
    async admit(connection) {
      if (client.checks(service)) {
        const outcome = await client.check(bagOf(connection), service);
        if (outcome.kind === 'denied') {
          logger.debug({ listener: connection.info.listener }, 'a connection was refused by mixer');
          return false;
        }
      }
      if (client.reports(service) && !connection.socket.destroyed) reportAll(connection);
      return true;
    },
  };
}
