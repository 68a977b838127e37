import { defineKind } from '../kind.ts';
import { checkMixerServices } from '../rules/mixer-service.ts';

/** Services that an HTTPAPISpec is for. Source: Istio mixer/v1/config/client/api_spec.proto. */
export const httpApiSpecBinding = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'HTTPAPISpecBinding',
  collection: 'istio/config/v1alpha2/httpapispecbindings',
  message: 'istio.mixer.v1.config.client.HTTPAPISpecBinding',
  validate(spec, { report }) {
    checkMixerServices(spec.services, report);
    if (!spec.apiSpecs?.length) report.error('spec.apiSpecs', 'at least one HTTPAPISpec is required');
    for (const [index, { name }] of (spec.apiSpecs ?? []).entries())
      if (!name) report.error(`spec.apiSpecs[${index}]`, 'the HTTPAPISpec needs a name');
  },
});
