import type { MetricsRegistry } from '@lateen/runtime';

/** Citadel's metrics under Istio's names. */
export function createServerMetrics(registry: MetricsRegistry) {
  const counter = (name: string, help: string) => registry.counter(`citadel_server_${name}`, help);
  return {
    requests: counter('csr_count', 'CSRs received.'),
    unauthenticated: counter('authentication_failure_count', 'Callers that did not prove who they are.'),
    malformed: counter('csr_parsing_err_count', 'CSRs that could not be read or verified.'),
    failed: counter('csr_sign_err_count', 'Certificates that could not be signed.'),
    issued: counter('success_cert_issuance_count', 'Certificates issued.'),
    rootExpiry: registry.gauge(
      'citadel_server_root_cert_expiry_timestamp',
      'End of the root certificate, Unix seconds.',
    ),
  };
}

/** Metrics of the server, each bound once. */
export type ServerMetrics = ReturnType<typeof createServerMetrics>;
