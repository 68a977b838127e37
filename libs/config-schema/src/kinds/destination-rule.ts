import type { istio_networking_v1alpha3_DestinationRule } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { isDnsLabel } from '../metadata.ts';
import { checkExportTo } from '../rules/export-to.ts';
import { wildcardDomainProblem } from '../rules/host.ts';
import { checkLabels, checkSelectorLabels } from '../rules/selector.ts';
import { checkTrafficPolicy } from '../rules/traffic-policy.ts';

function validate(spec: istio_networking_v1alpha3_DestinationRule, context: ValidationContext): void {
  const { report } = context;
  const problem = wildcardDomainProblem(spec.host ?? '');
  if (problem) report.error('spec.host', problem);
  if (spec.trafficPolicy) checkTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy', report);
  const names = new Set<string>();
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const path = `spec.subsets[${index}]`;
    const name = subset.name ?? '';
    if (name === '') report.error(path, 'a subset needs a name');
    else if (names.has(name)) report.error(`${path}.name`, `the subset "${name}" stands twice`);
    else if (!isDnsLabel(name))
      report.error(
        `${path}.name`,
        `"${name}" is no valid subset name: expected lower-case letters, digits and "-"`,
      );
    names.add(name);
    checkLabels(subset.labels, `${path}.labels`, report);
    if (subset.trafficPolicy) checkTrafficPolicy(subset.trafficPolicy, `${path}.trafficPolicy`, report);
  }
  if (spec.workloadSelector)
    checkSelectorLabels(spec.workloadSelector.matchLabels, 'spec.workloadSelector', report);
  checkExportTo(spec.exportTo, context, { ownNamespaceOnly: spec.workloadSelector !== undefined });
}

/** How clients talk to a host. Source: Istio networking/v1alpha3/destination_rule.proto, ValidateDestinationRule. */
export const destinationRule = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'DestinationRule',
  shortNames: ['dr'],
  collection: 'istio/networking/v1alpha3/destinationrules',
  message: 'istio.networking.v1alpha3.DestinationRule',
  validate,
});
