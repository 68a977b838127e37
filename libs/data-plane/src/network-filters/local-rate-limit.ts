import { invalidConfig, joinPath, numberOr, refuseFields } from '@lateen/matching';
import { durationMs, type google_protobuf_Any, unpackAny } from '@lateen/protos';
import type { GateFilter } from '../connection.ts';
import type { Surroundings } from './surroundings.ts';

const message = 'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit';

/** Envoy's shortest time between two fills. Milliseconds. */
const leastIntervalMs = 50;

/**
 * Compiles `envoy.filters.network.local_ratelimit`: a connection takes a token of a bucket that is filled in steps, or
 * is closed. @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function createLocalRateLimit(
  any: google_protobuf_Any,
  path: string,
  { clock, metrics }: Surroundings,
): GateFilter {
  const config = unpackAny(message, any);
  refuseFields(config, path, ['shareKey']);
  const bucket = config.tokenBucket;
  const at = joinPath(path, 'token_bucket');
  if (!bucket) throw invalidConfig(at, 'is required');
  const most = bucket.maxTokens ?? 0;
  if (most < 1) throw invalidConfig(`${at}.max_tokens`, 'must be at least 1');
  const intervalMs = durationMs(bucket.fillInterval) ?? 0;
  if (intervalMs < leastIntervalMs)
    throw invalidConfig(`${at}.fill_interval`, `must be at least ${leastIntervalMs} ms`);
  const perFill = numberOr(bucket.tokensPerFill, 1);
  const enabled = config.runtimeEnabled ? (config.runtimeEnabled.defaultValue?.value ?? false) : true;
  const limited = metrics.counter('envoy_local_rate_limit_rate_limited', 'Connections refused by rate.', {
    envoy_local_rate_limit_prefix: config.statPrefix ?? '',
  });
  let tokens = most;
  let filledAt = clock.monotonic();
  return {
    kind: 'gate',
    admit() {
      if (!enabled) return true;
      const fills = Math.floor((clock.monotonic() - filledAt) / intervalMs);
      if (fills > 0) {
        filledAt += fills * intervalMs;
        tokens = Math.min(most, tokens + fills * perFill);
      }
      if (tokens >= 1) {
        tokens -= 1;
        return true;
      }
      limited.inc();
      return false;
    },
  };
}
