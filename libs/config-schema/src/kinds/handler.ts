import { defineKind } from '../kind.ts';
import { checkDuration } from '../rules/duration.ts';

/** A configured Mixer adapter; `params` are judged by the adapter. Source: Istio policy/v1beta1/cfg.proto, Handler. */
export const handler = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'handler',
  collection: 'istio/policy/v1beta1/handlers',
  message: 'istio.policy.v1beta1.Handler',
  validate(spec, { report }) {
    if (!spec.adapter && !spec.compiledAdapter)
      report.error('spec', 'a handler needs compiledAdapter or adapter');
    if (spec.adapter && spec.compiledAdapter)
      report.warning('spec.adapter', 'adapter has no effect beside compiledAdapter');
    if (spec.connection && !spec.connection.address)
      report.error('spec.connection.address', 'a connection needs an address');
    checkDuration(spec.connection?.timeout, 'spec.connection.timeout', { report });
  },
});
