import type { Counter, MetricsRegistry } from '@lateen/runtime';

const names = {
  checkCalls: ['total_check_calls', 'Requests that were checked'],
  checkCacheHits: ['total_check_cache_hits', 'Checks answered from the cache'],
  checkCacheMisses: ['total_check_cache_misses', 'Checks that the cache could not answer'],
  checkCacheHitAccepts: ['total_check_cache_hit_accepts', 'Requests let through by a cached answer'],
  checkCacheHitDenies: ['total_check_cache_hit_denies', 'Requests refused by a cached answer'],
  remoteCheckCalls: ['total_remote_check_calls', 'Checks sent to mixer'],
  remoteCheckAccepts: ['total_remote_check_accepts', 'Requests that mixer let through'],
  remoteCheckDenies: ['total_remote_check_denies', 'Requests that mixer refused'],
  quotaCalls: ['total_quota_calls', 'Requests that need a quota'],
  quotaCacheHits: ['total_quota_cache_hits', 'Quotas answered from the cache'],
  quotaCacheMisses: ['total_quota_cache_misses', 'Quotas that the cache could not answer'],
  quotaCacheHitAccepts: ['total_quota_cache_hit_accepts', 'Requests let through by a cached quota'],
  quotaCacheHitDenies: ['total_quota_cache_hit_denies', 'Requests refused by a cached quota'],
  remoteQuotaCalls: ['total_remote_quota_calls', 'Calls to mixer that ask for a quota'],
  remoteQuotaAccepts: ['total_remote_quota_accepts', 'Quotas that mixer granted'],
  remoteQuotaDenies: ['total_remote_quota_denies', 'Quotas that mixer refused'],
  remoteQuotaPrefetchCalls: ['total_remote_quota_prefetch_calls', 'Calls that fetch a quota ahead'],
  remoteCalls: ['total_remote_calls', 'Calls to mixer, retries too'],
  remoteCallSuccesses: ['total_remote_call_successes', 'Calls to mixer that were answered'],
  remoteCallTimeouts: ['total_remote_call_timeouts', 'Calls to mixer that took too long'],
  remoteCallSendErrors: ['total_remote_call_send_errors', 'Calls to mixer that could not be sent'],
  remoteCallOtherErrors: ['total_remote_call_other_errors', 'Calls to mixer that failed otherwise'],
  reportCalls: ['total_report_calls', 'Records for mixer'],
  remoteReportCalls: ['total_remote_report_calls', 'Batches of records sent to mixer'],
  droppedReports: ['total_dropped_reports', 'Records that were dropped or lost'],
} as const;

/** Counters of Istio's Mixer filter (`http_mixer_filter.*`), bound once. */
export function mixerCounters(metrics: MetricsRegistry): Readonly<Record<keyof typeof names, Counter>> {
  const entries = Object.entries(names).map(([key, [name, help]]) => [
    key,
    metrics.counter(`envoy_http_mixer_filter_${name}`, help),
  ]);
  return Object.fromEntries(entries) as Record<keyof typeof names, Counter>;
}
