import { type adapter_denier_config_Params, durationMs } from '@lateen/protos';
import type { AdapterType, CheckResult, Handler } from './handler.ts';
import { decodeParams } from './params.ts';

/** gRPC's FAILED_PRECONDITION, the denier's default. */
const failedPrecondition = 9;

/** Refuses everything. Source: istio/istio `mixer/adapter/denier`. */
export const denierType: AdapterType<adapter_denier_config_Params> = {
  name: 'denier',
  templates: ['checknothing', 'listentry', 'quota'],
  decode: (params) => decodeParams('adapter.denier.config.Params', params),
};

/** Handler that refuses with the configured status for a while. */
export function createDenier(config: adapter_denier_config_Params): Handler {
  const result: CheckResult = {
    code: config.status?.code || failedPrecondition,
    message: config.status?.message ?? '',
    details: config.status?.details ?? [],
    validDurationMs: durationMs(config.validDuration) ?? 5000,
    validUseCount: config.validUseCount || 1000,
  };
  return {
    check: () => result,
    quota: () => ({ amount: 0, validDurationMs: 0 }),
  };
}
