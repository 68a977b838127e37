import { boolOr, numberOr, refuseFields } from '@lateen/matching';
import { durationMs, type envoy_config_cluster_v3_OutlierDetection } from '@lateen/protos';
import type { Clock, Random, Timer } from '@lateen/runtime';
import type { HostOutcome } from './cluster.ts';
import type { Host, HostSet } from './host.ts';

interface HostHealth {
  errors: number;
  gatewayErrors: number;
  localErrors: number;
  /** Ejections so far, less one for each quiet interval: the factor of the next ejection's time. */
  ejections: number;
  /** Monotonic milliseconds. */
  ejectedAt: number;
}

interface Rule {
  readonly count: number;
  readonly enforcedPercent: number;
}

/** Ejects hosts that fail in a row (`consecutive_5xx`, `consecutive_gateway_failure`, `consecutive_local_origin_failure`). */
export interface OutlierDetector {
  report(host: Host, outcome: HostOutcome): void;
  stop(): void;
}

/** What a detector needs. */
export interface OutlierSurroundings {
  readonly hosts: HostSet;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each ejection and each return. */
  readonly onChange: (host: Host) => void;
}

/**
 * Compiles `envoy.config.cluster.v3.OutlierDetection`: an ejection lasts base time × number of ejections.
 * @throws LateenError LTN_CONFIG_INVALID for success-rate and failure-percentage ejection
 */
export function createOutlierDetector(
  config: envoy_config_cluster_v3_OutlierDetection,
  surroundings: OutlierSurroundings,
): OutlierDetector {
  refuseFields(config, 'outlier_detection', [
    'monitors',
    'enforcingFailurePercentage',
    'enforcingFailurePercentageLocalOrigin',
  ]);
  const { hosts, clock, random, onChange } = surroundings;
  const intervalMs = durationMs(config.interval) ?? 10_000;
  const baseMs = durationMs(config.baseEjectionTime) ?? 30_000;
  const maxMs = Math.max(durationMs(config.maxEjectionTime) ?? 300_000, baseMs);
  const maxPercent = numberOr(config.maxEjectionPercent, 10);
  const alwaysOne = boolOr(config.alwaysEjectOneHost, false);
  const split = config.splitExternalLocalOriginErrors ?? false;
  const errors: Rule = {
    count: numberOr(config.consecutive_5xx, 5),
    enforcedPercent: numberOr(config.enforcingConsecutive_5xx, 100),
  };
  const gateway: Rule = {
    count: numberOr(config.consecutiveGatewayFailure, 5),
    enforcedPercent: numberOr(config.enforcingConsecutiveGatewayFailure, 0),
  };
  const local: Rule = {
    count: numberOr(config.consecutiveLocalOriginFailure, 5),
    enforcedPercent: numberOr(config.enforcingConsecutiveLocalOriginFailure, 100),
  };
  const health = new WeakMap<Host, HostHealth>();
  let timer: Timer | undefined;

  const of = (host: Host): HostHealth => {
    let known = health.get(host);
    if (!known)
      health.set(host, (known = { errors: 0, gatewayErrors: 0, localErrors: 0, ejections: 0, ejectedAt: 0 }));
    return known;
  };
  const tick = (): void => {
    timer = undefined;
    let busy = false;
    for (const host of hosts.all) {
      const state = health.get(host);
      if (!state) continue;
      if (host.ejected) {
        const over = clock.monotonic() >= state.ejectedAt + Math.min(baseMs * state.ejections, maxMs);
        if (over) {
          host.ejected = false;
          hosts.refresh();
          onChange(host);
        }
      } else if (state.ejections > 0) state.ejections -= 1;
      busy ||= host.ejected || state.ejections > 0;
    }
    if (busy) arm();
  };
  const arm = (): void => {
    timer ??= clock.after(intervalMs, tick);
  };
  const eject = (host: Host, rule: Rule): void => {
    if (host.ejected || random() * 100 >= rule.enforcedPercent) return;
    const ejected = hosts.all.filter((other) => other.ejected).length;
    if (!(ejected === 0 && alwaysOne) && (ejected * 100) / hosts.all.length >= maxPercent) return;
    const state = of(host);
    state.ejections += 1;
    state.ejectedAt = clock.monotonic();
    host.ejected = true;
    hosts.refresh();
    onChange(host);
    arm();
  };
  const failed = (host: Host, state: HostHealth, viaGateway: boolean): void => {
    state.errors += 1;
    state.gatewayErrors = viaGateway ? state.gatewayErrors + 1 : 0;
    if (state.gatewayErrors === gateway.count && gateway.count > 0) {
      state.gatewayErrors = 0;
      eject(host, gateway);
    }
    if (state.errors === errors.count && errors.count > 0) {
      state.errors = 0;
      eject(host, errors);
    }
  };
  return {
    report(host, outcome) {
      if (typeof outcome === 'number') {
        if (outcome < 500) {
          const known = health.get(host);
          if (known) known.errors = known.gatewayErrors = known.localErrors = 0;
          return;
        }
        failed(host, of(host), outcome >= 502 && outcome <= 504);
        return;
      }
      const state = of(host);
      // Without a split what went wrong here counts as the 503 or 504 that the client gets for it.
      if (!split) return failed(host, state, true);
      state.localErrors += 1;
      if (state.localErrors === local.count && local.count > 0) {
        state.localErrors = 0;
        eject(host, local);
      }
    },
    stop() {
      timer?.cancel();
    },
  };
}
