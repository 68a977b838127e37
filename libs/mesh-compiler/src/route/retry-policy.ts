import {
  type envoy_config_route_v3_RetryPolicy as RetryPolicy,
  type istio_networking_v1alpha3_HTTPRetry as HttpRetry,
  packAny,
} from '@lateen/protos';

const defaultRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const defaultAttempts = 2;

function previousHosts(): NonNullable<RetryPolicy['retryHostPredicate']> {
  return [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typedConfig: packAny('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
    },
  ];
}

/** Conditions and, among them, numbers that are status codes. */
function splitConditions(retryOn: string): { conditions: string[]; statusCodes: number[] } {
  const conditions: string[] = [];
  const statusCodes: number[] = [];
  for (const part of retryOn.split(',').map((item) => item.trim())) {
    if (/^[1-5]\d\d$/.test(part)) statusCodes.push(Number(part));
    else if (part !== '') conditions.push(part);
  }
  if (statusCodes.length > 0 && !conditions.includes('retriable-status-codes'))
    conditions.push('retriable-status-codes');
  return { conditions, statusCodes };
}

/**
 * Envoy's retries of a route: what the route says, else the mesh's default, else two on failures that reached no
 * application. `undefined`: no retries (`attempts: 0`).
 */
export function retryPolicy(
  retry: HttpRetry | undefined,
  meshDefault: HttpRetry | undefined,
): RetryPolicy | undefined {
  const effective = retry ?? meshDefault;
  const attempts = effective ? (effective.attempts ?? 0) : defaultAttempts;
  if (attempts <= 0) return undefined;
  const { conditions, statusCodes } = splitConditions(effective?.retryOn || defaultRetryOn);
  const otherLocalities = effective?.retryRemoteLocalities?.value === true;
  const avoidPrevious = effective?.retryIgnorePreviousHosts?.value ?? true;
  return {
    numRetries: { value: attempts },
    retryOn: conditions.join(','),
    ...(avoidPrevious ? { retryHostPredicate: previousHosts() } : {}),
    hostSelectionRetryMaxAttempts: 5,
    ...(statusCodes.length > 0 ? { retriableStatusCodes: statusCodes } : {}),
    ...(effective?.perTryTimeout ? { perTryTimeout: effective.perTryTimeout } : {}),
    ...(effective?.backoff ? { retryBackOff: { baseInterval: effective.backoff } } : {}),
    ...(otherLocalities
      ? {
          retryPriority: {
            name: 'envoy.retry_priorities.previous_priorities',
            typedConfig: packAny(
              'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
              {
                updateFrequency: 2,
              },
            ),
          },
        }
      : {}),
  };
}

/** Retries of a sidecar towards its workload: only what never reached it. */
export const inboundRetryPolicy: RetryPolicy = { numRetries: { value: 2 }, retryOn: 'reset-before-request' };
