import { invalidConfig, numberOr } from '@lateen/matching';
import { durationMs, type google_protobuf_Any, unpackAny } from '@lateen/protos';
import type { GateFilter } from '../connection.ts';
import type { Surroundings } from './surroundings.ts';

const message = 'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit';

/**
 * Compiles `envoy.filters.network.connection_limit`: connections beyond the limit are closed, after `delay` if there is
 * one. @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function createConnectionLimit(
  any: google_protobuf_Any,
  path: string,
  { clock, metrics }: Surroundings,
): GateFilter {
  const config = unpackAny(message, any);
  const most = numberOr(config.maxConnections, 0);
  if (most < 1) throw invalidConfig(`${path}.max_connections`, 'must be at least 1');
  const delayMs = durationMs(config.delay) ?? 0;
  const enabled = config.runtimeEnabled ? (config.runtimeEnabled.defaultValue?.value ?? false) : true;
  const labels = { envoy_connection_limit_prefix: config.statPrefix ?? '' };
  const limited = metrics.counter(
    'envoy_connection_limit_limited_connections',
    'Connections refused beyond the limit.',
    labels,
  );
  const active = metrics.gauge(
    'envoy_connection_limit_active_connections',
    'Connections that stand.',
    labels,
  );
  let count = 0;
  return {
    kind: 'gate',
    admit({ socket }) {
      if (socket.destroyed) return false;
      if (!enabled || count < most) {
        count += 1;
        active.add(1);
        socket.once('close', () => {
          count -= 1;
          active.add(-1);
        });
        return true;
      }
      limited.inc();
      if (delayMs === 0) return false;
      return new Promise((resolve) => {
        const timer = clock.after(delayMs, () => resolve(false));
        socket.once('close', () => {
          timer.cancel();
          resolve(false);
        });
      });
    },
  };
}
