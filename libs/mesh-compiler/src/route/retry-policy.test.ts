import { expect, test } from 'vitest';
import { retryPolicy } from './retry-policy.ts';

const builtIn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

test('without a word there are two retries of what reached no application', () => {
  expect(retryPolicy(undefined, undefined)).toMatchObject({
    numRetries: { value: 2 },
    retryOn: builtIn,
    hostSelectionRetryMaxAttempts: 5,
    retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
  });
});

test('no attempts, no policy', () => {
  expect(retryPolicy({ attempts: 0 }, undefined)).toBeUndefined();
  expect(retryPolicy({}, undefined)).toBeUndefined();
});

test('the mesh speaks for routes that say nothing, and for nothing else', () => {
  const mesh = { attempts: 1, retryOn: '5xx' };
  expect(retryPolicy(undefined, mesh)).toMatchObject({ numRetries: { value: 1 }, retryOn: '5xx' });
  expect(retryPolicy({ attempts: 3 }, mesh)).toMatchObject({ numRetries: { value: 3 }, retryOn: builtIn });
});

test('numbers among the conditions are status codes', () => {
  expect(retryPolicy({ attempts: 1, retryOn: 'reset,503, 418' }, undefined)).toMatchObject({
    retryOn: 'reset,retriable-status-codes',
    retriableStatusCodes: [503, 418],
  });
});

test('time per try, pause, localities and hosts', () => {
  const policy = retryPolicy(
    {
      attempts: 1,
      perTryTimeout: { seconds: 2, nanos: 0 },
      backoff: { seconds: 0, nanos: 50_000_000 },
      retryRemoteLocalities: { value: true },
      retryIgnorePreviousHosts: { value: false },
    },
    undefined,
  );
  expect(policy).toMatchObject({
    perTryTimeout: { seconds: 2 },
    retryBackOff: { baseInterval: { nanos: 50_000_000 } },
    retryPriority: { name: 'envoy.retry_priorities.previous_priorities' },
  });
  expect(policy?.retryHostPredicate).toBeUndefined();
});
