import { defineKind } from '../kind.ts';

/** What an adapter outside Mixer takes. Source: Istio mixer/adapter/model/v1beta1/info.proto. */
export const adapter = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'adapter',
  collection: 'istio/mixer/adapter/model/v1beta1/adapters',
  message: 'istio.mixer.adapter.model.v1beta1.Info',
  validate() {},
});
