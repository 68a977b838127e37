import { defineKind } from '../kind.ts';
import { keySegment } from '../node.ts';

/** Attributes that a proxy or adapter produces. Source: Istio policy/v1beta1/cfg.proto, AttributeManifest. */
export const attributeManifest = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'attributemanifest',
  collection: 'istio/policy/v1beta1/attributemanifests',
  message: 'istio.policy.v1beta1.AttributeManifest',
  validate(spec, { report }) {
    for (const [name, { valueType = 0 }] of Object.entries(spec.attributes ?? {})) {
      if (valueType === 0)
        report.error(`spec.attributes${keySegment(name)}`, 'the attribute needs a valueType');
    }
  },
});
