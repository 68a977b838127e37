import { defineKind } from '../kind.ts';
import { checkSelectorLabels } from '../rules/selector.ts';

/** Settings of selected proxies. Source: Istio networking/v1beta1/proxy_config.proto. */
export const proxyConfig = defineKind({
  group: 'networking.istio.io',
  versions: ['v1beta1'],
  kind: 'ProxyConfig',
  collection: 'istio/networking/v1beta1/proxyconfigs',
  message: 'istio.networking.v1beta1.ProxyConfig',
  validate(spec, { report }) {
    if (spec.selector) checkSelectorLabels(spec.selector.matchLabels, 'spec.selector', report);
    if ((spec.concurrency?.value ?? 0) < 0) report.error('spec.concurrency', "concurrency can't be negative");
  },
});
