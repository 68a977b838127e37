import { defineKind } from '../kind.ts';
import { checkMixerServices } from '../rules/mixer-service.ts';

/** Services that a QuotaSpec is for. Source: Istio mixer/v1/config/client/quota.proto. */
export const quotaSpecBinding = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'QuotaSpecBinding',
  collection: 'istio/mixer/v1/config/client/quotaspecbindings',
  message: 'istio.mixer.v1.config.client.QuotaSpecBinding',
  validate(spec, { report }) {
    checkMixerServices(spec.services, report);
    if (!spec.quotaSpecs?.length) report.error('spec.quotaSpecs', 'at least one QuotaSpec is required');
    for (const [index, { name }] of (spec.quotaSpecs ?? []).entries())
      if (!name) report.error(`spec.quotaSpecs[${index}]`, 'the QuotaSpec needs a name');
  },
});
