import { defineKind } from '../kind.ts';

/** Attributes shaped for a template; `params` are judged with it. Source: Istio policy/v1beta1/cfg.proto, Instance. */
export const instance = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'instance',
  collection: 'istio/policy/v1beta1/instances',
  message: 'istio.policy.v1beta1.Instance',
  validate(spec, { report }) {
    if (!spec.template && !spec.compiledTemplate)
      report.error('spec', 'an instance needs compiledTemplate or template');
    if (spec.template && spec.compiledTemplate)
      report.warning('spec.template', 'template has no effect beside compiledTemplate');
  },
});
