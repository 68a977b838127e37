import { compileHeaderMatcher, invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import { durationMs, type envoy_config_route_v3_RetryPolicy } from '@lateen/protos';
import type { RetryPolicy } from './decision.ts';

const previousHosts = 'envoy.retry_host_predicates.previous_hosts';

/** Compiles `envoy.config.route.v3.RetryPolicy`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileRetryPolicy(policy: envoy_config_route_v3_RetryPolicy, path: string): RetryPolicy {
  refuseFields(policy, path, [
    'perTryIdleTimeout',
    'retryPriority',
    'retryOptionsPredicates',
    'rateLimitedRetryBackOff',
    'retriableRequestHeaders',
  ]);
  let avoidPreviousHosts = false;
  for (const [index, predicate] of (policy.retryHostPredicate ?? []).entries()) {
    if (predicate.name !== previousHosts) {
      throw invalidConfig(
        `${path}.retry_host_predicate[${index}]`,
        `"${predicate.name ?? ''}" is not supported`,
      );
    }
    avoidPreviousHosts = true;
  }
  const baseIntervalMs = durationMs(policy.retryBackOff?.baseInterval) ?? 25;
  if (policy.retryBackOff && baseIntervalMs <= 0) {
    throw invalidConfig(`${path}.retry_back_off.base_interval`, 'must be greater than 0');
  }
  const maxIntervalMs = durationMs(policy.retryBackOff?.maxInterval) ?? baseIntervalMs * 10;
  if (maxIntervalMs < baseIntervalMs) {
    throw invalidConfig(`${path}.retry_back_off.max_interval`, 'must not be less than base_interval');
  }
  const headers = (policy.retriableHeaders ?? []).map((matcher, index) =>
    compileHeaderMatcher(matcher, `${path}.retriable_headers[${index}]`),
  );
  const on = (policy.retryOn ?? '').split(',').map((word) => word.trim());
  return {
    on: new Set(on.filter((word) => word !== '')),
    retries: numberOr(policy.numRetries, 1),
    perTryTimeoutMs: durationMs(policy.perTryTimeout) || undefined,
    retriableStatusCodes: new Set(policy.retriableStatusCodes ?? []),
    retriableHeaders: (view) => headers.some((matches) => matches(view)),
    baseIntervalMs,
    maxIntervalMs,
    avoidPreviousHosts,
    hostSelectionAttempts: policy.hostSelectionRetryMaxAttempts || 1,
  };
}
