import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { boolOr, invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import type { envoy_config_cluster_v3_Cluster } from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import type { InternalListeners } from '../listener/internal-listeners.ts';
import { ConnectFailure } from './cluster.ts';
import type { Host } from './host.ts';

/** Socket options of a cluster. */
export interface ConnectorOptions {
  readonly sourceAddress: string | undefined;
  readonly keepAliveMs: number | undefined;
}

/** Reads a cluster's socket options. @throws LateenError LTN_CONFIG_INVALID */
export function readConnectorOptions(config: envoy_config_cluster_v3_Cluster): ConnectorOptions {
  const bind = config.upstreamBindConfig;
  if (bind)
    refuseFields(bind, 'upstream_bind_config', [
      'socketOptions',
      'additionalSourceAddresses',
      'localAddressSelector',
    ]);
  if (boolOr(bind?.freebind, false)) throw invalidConfig('upstream_bind_config.freebind', 'is not supported');
  if (bind?.sourceAddress?.portValue)
    throw invalidConfig('upstream_bind_config.source_address.port_value', 'is not supported');
  const options = config.upstreamConnectionOptions;
  if (options) refuseFields(options, 'upstream_connection_options', ['happyEyeballsConfig']);
  const keepAlive = options?.tcpKeepalive;
  return {
    sourceAddress: bind?.sourceAddress?.address || undefined,
    // Linux waits two hours by default; the other two intervals can't be set from Node.
    keepAliveMs: keepAlive && numberOr(keepAlive.keepaliveTime, 7200) * 1000,
  };
}

function failureOf(error: unknown): ConnectFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason =
    code === 'ECONNREFUSED' || code === 'ENOENT'
      ? 'refused'
      : code === 'ETIMEDOUT'
        ? 'timeout'
        : 'unreachable';
  return new ConnectFailure(reason, messageOf(error), error);
}

function open(host: Host, options: ConnectorOptions): Socket {
  if (host.address.kind === 'pipe') return connect({ path: host.address.path, allowHalfOpen: true });
  const tcp: TcpNetConnectOpts = {
    host: host.endpoint.address,
    port: host.endpoint.port,
    allowHalfOpen: true,
    noDelay: true,
    ...(options.keepAliveMs === undefined
      ? {}
      : { keepAlive: true, keepAliveInitialDelay: options.keepAliveMs }),
  };
  const source = options.sourceAddress;
  // An address of the other family can't be a source; Envoy leaves the choice to the kernel then.
  if (source && source.includes(':') === tcp.host?.includes(':')) tcp.localAddress = source;
  return connect(tcp);
}

/** Connects to a host, plain. @throws ConnectFailure */
export function connectHost(
  host: Host,
  options: ConnectorOptions,
  signal: AbortSignal,
  internalListeners: InternalListeners,
): Promise<Socket> {
  if (host.address.kind === 'internal') {
    const socket = internalListeners.connect(host.address.listener);
    if (socket) return Promise.resolve(socket);
    return Promise.reject(
      new ConnectFailure('refused', `there is no internal listener ${host.address.listener}`),
    );
  }
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new ConnectFailure('timeout', 'the connection took too long'));
    const socket = open(host, options);
    const settle = (action: () => void): void => {
      signal.removeEventListener('abort', abort);
      socket.off('error', onError);
      socket.off('connect', onConnect);
      action();
    };
    const abort = (): void =>
      settle(() => {
        socket.on('error', () => {}); // a late refusal of a connection that nobody waits for
        socket.destroy();
        reject(new ConnectFailure('timeout', `no connection to ${host.label} in time`));
      });
    const onError = (error: Error): void => settle(() => reject(failureOf(error)));
    const onConnect = (): void =>
      settle(() => {
        socket.pause();
        resolve(socket);
      });
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', onError);
    socket.once('connect', onConnect);
  });
}
