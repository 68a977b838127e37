import { type AttributeBag, bagOfAttributes, emptyBag, MutableBag } from '@lateen/attributes';
import type {
  istio_mixer_v1_config_client_HttpClientConfig,
  istio_mixer_v1_config_client_NetworkFailPolicy,
  istio_mixer_v1_config_client_ServiceConfig,
} from '@lateen/protos';
import { durationMs, enumOf } from '@lateen/protos';
import { readForwardedAttributes, writeForwardedAttributes } from './forwarded-attributes.ts';
import { compileQuotaSpecs, type QuotaSelector } from './quota-spec.ts';

const { FAIL_OPEN } = enumOf('istio.mixer.v1.config.client.NetworkFailPolicy.FailPolicy');

/** What happens when mixer cannot be asked. */
export interface FailPolicy {
  readonly open: boolean;
  readonly maxRetries: number;
  /** Milliseconds. */
  readonly baseRetryMs: number;
  readonly maxRetryMs: number;
}

/** Policy of a configuration message; without one the door stays shut, as pilot's own configuration says. */
export function failPolicyOf(policy: istio_mixer_v1_config_client_NetworkFailPolicy | undefined): FailPolicy {
  return {
    open: policy !== undefined && (policy.policy ?? FAIL_OPEN) === FAIL_OPEN,
    maxRetries: Math.min(policy?.maxRetry ?? 0, 10),
    baseRetryMs: durationMs(policy?.baseRetryWait) ?? 80,
    maxRetryMs: durationMs(policy?.maxRetryWait) ?? 1000,
  };
}

/** Configuration of one service (a route's, or the filter's default), compiled. */
export interface MixerService {
  readonly checks: boolean;
  readonly reports: boolean;
  /** Attributes of every request: the filter's, then the route's. */
  readonly staticBag: AttributeBag;
  /** Value of the `x-istio-attributes` header that our own proxy writes. */
  readonly forwardedHeader: string | undefined;
  readonly ignoreForwarded: boolean;
  readonly failPolicy: FailPolicy;
  readonly quotas: QuotaSelector;
}

/** Compiles one service's configuration. The filter's own parts come first, the service's override them. */
export function compileService(
  config: istio_mixer_v1_config_client_HttpClientConfig,
  service: istio_mixer_v1_config_client_ServiceConfig,
): MixerService {
  const staticBag = bagOfAttributes(config.mixerAttributes).merge(bagOfAttributes(service.mixerAttributes));
  const forwarded = bagOfAttributes(config.forwardAttributes).merge(
    bagOfAttributes(service.forwardAttributes),
  );
  return {
    checks: service.disableCheckCalls !== true,
    reports: service.disableReportCalls !== true,
    staticBag,
    forwardedHeader: writeForwardedAttributes(forwarded),
    ignoreForwarded: config.ignoreForwardedAttributes === true,
    failPolicy: failPolicyOf(service.networkFailPolicy ?? config.transport?.networkFailPolicy),
    quotas: compileQuotaSpecs(service.quotaSpec ?? []),
  };
}

/** Bag of a new request: static attributes, then what the caller's proxy forwarded. */
export function requestBag(service: MixerService, forwardedHeader: string | undefined): MutableBag {
  const bag = new MutableBag(service.staticBag);
  if (forwardedHeader === undefined || service.ignoreForwarded) return bag;
  return bag.merge(readForwardedAttributes(forwardedHeader) ?? emptyBag);
}
