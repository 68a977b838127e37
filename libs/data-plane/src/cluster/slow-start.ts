import { invalidConfig, joinPath } from '@lateen/matching';
import {
  durationMs,
  type envoy_config_cluster_v3_Cluster as Cluster,
  type envoy_config_cluster_v3_Cluster_SlowStartConfig as SlowStartConfig,
} from '@lateen/protos';

/** How a new host's share grows. */
export interface SlowStart {
  readonly windowMs: number;
  /** Factor of the weight of a host of this age. Above 0, 1 once the window is over. */
  factor(ageMs: number): number;
}

function compile(config: SlowStartConfig, path: string): SlowStart {
  const windowMs = durationMs(config.slowStartWindow) ?? 0;
  if (windowMs <= 0) throw invalidConfig(joinPath(path, 'slow_start_window'), 'must be longer than 0');
  const aggression = config.aggression?.defaultValue ?? 1;
  if (aggression <= 0) throw invalidConfig(joinPath(path, 'aggression'), 'must be above 0');
  const least = (config.minWeightPercent ? (config.minWeightPercent.value ?? 0) : 10) / 100;
  return {
    windowMs,
    factor(ageMs) {
      if (ageMs >= windowMs) return 1;
      // Envoy counts whole seconds, and the first as one.
      const share = Math.max(ageMs, 1000) / windowMs;
      return Math.min(1, Math.max(least, share ** (1 / aggression)));
    },
  };
}

/**
 * Slow start of a cluster's balancer: `round_robin_lb_config` or `least_request_lb_config`, whichever holds one.
 * @throws LateenError LTN_CONFIG_INVALID naming the field
 */
export function readSlowStart(config: Cluster): SlowStart | undefined {
  const { roundRobinLbConfig, leastRequestLbConfig } = config;
  if (roundRobinLbConfig?.slowStartConfig)
    return compile(roundRobinLbConfig.slowStartConfig, 'round_robin_lb_config.slow_start_config');
  return (
    leastRequestLbConfig?.slowStartConfig &&
    compile(leastRequestLbConfig.slowStartConfig, 'least_request_lb_config.slow_start_config')
  );
}
