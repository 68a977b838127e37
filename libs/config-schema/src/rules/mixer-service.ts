import type { istio_mixer_v1_config_client_IstioService } from '@lateen/protos';
import type { Report } from '../report.ts';

/** Reports wrong services that a Mixer client binding is for. Source: Istio validateMixerService. */
export function checkMixerServices(
  services: readonly istio_mixer_v1_config_client_IstioService[] | undefined,
  report: Report,
): void {
  if (!services?.length) report.error('spec.services', 'at least one service is required');
  for (const [index, { name, service, namespace, domain }] of (services ?? []).entries()) {
    const path = `spec.services[${index}]`;
    if (!name && !service) report.error(path, 'a service needs name or service');
    if (service && (name || namespace || domain))
      report.error(
        `${path}.service`,
        "service is a whole host name and can't stand beside name, namespace or domain",
      );
  }
}
