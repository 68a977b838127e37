import { defineKind } from '../kind.ts';

/** Descriptor of a template of an adapter outside Mixer. Source: Istio mixer/adapter/model/v1beta1/template.proto. */
export const template = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'template',
  collection: 'istio/mixer/adapter/model/v1beta1/templates',
  message: 'istio.mixer.adapter.model.v1beta1.Template',
  validate(spec, { report }) {
    if (!spec.descriptor) report.error('spec.descriptor', 'a descriptor is required');
  },
});
