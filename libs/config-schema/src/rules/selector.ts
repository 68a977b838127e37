import type { istio_type_v1beta1_PolicyTargetReference } from '@lateen/protos';
import { keySegment } from '../node.ts';
import { isSubdomain, labelKeyProblem, labelValueProblem } from '../metadata.ts';
import type { ValidationContext } from '../kind.ts';
import type { Report } from '../report.ts';

/** Reports wrong labels. */
export function checkLabels(
  labels: { [key: string]: string } | undefined,
  path: string,
  report: Report,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    const problem = labelKeyProblem(key) ?? labelValueProblem(value);
    if (problem) report.error(`${path}${keySegment(key)}`, problem);
  }
}

/** Reports a selector whose labels are wrong or have wildcards; warns of one without labels. */
export function checkSelectorLabels(
  labels: { [key: string]: string } | undefined,
  path: string,
  report: Report,
): void {
  const entries = Object.entries(labels ?? {});
  if (entries.length === 0) {
    report.warning(path, 'the workload selector has no labels and selects every workload of the namespace');
    return;
  }
  for (const [key, value] of entries) {
    const at = `${path}${keySegment(key)}`;
    if (key === '') report.error(path, `empty key in the selector (its value is "${value}")`);
    else if (key.includes('*') || value.includes('*')) report.error(at, "a selector can't have wildcards");
    else {
      const problem = labelKeyProblem(key) ?? labelValueProblem(value);
      if (problem) report.error(at, problem);
    }
  }
}

/** Selector and target references of a policy. */
export interface PolicyTargets {
  readonly selector?: { matchLabels?: { [key: string]: string } | undefined } | undefined;
  readonly targetRef?: istio_type_v1beta1_PolicyTargetReference | undefined;
  readonly targetRefs?: readonly istio_type_v1beta1_PolicyTargetReference[] | undefined;
}

/** Kinds that a policy may be attached to, with their groups. Source: Istio validatePolicyTargetReference. */
const targetKinds: readonly { group: string; kind: string }[] = [
  { group: 'gateway.networking.k8s.io', kind: 'Gateway' },
  { group: 'gateway.networking.k8s.io', kind: 'GatewayClass' },
  { group: '', kind: 'Service' },
  { group: 'networking.istio.io', kind: 'ServiceEntry' },
];

function checkTarget(
  target: istio_type_v1beta1_PolicyTargetReference,
  path: string,
  { report }: ValidationContext,
): void {
  const { group = '', kind = '', name = '', namespace = '' } = target;
  if (name === '') report.error(`${path}.name`, 'the target reference must name its target');
  else if (!isSubdomain(name)) report.error(`${path}.name`, `"${name}" is no valid name`);
  if (namespace !== '')
    report.error(
      `${path}.namespace`,
      'a target is in the namespace of its policy, namespace must not be set',
    );
  const normalGroup = group === 'core' ? '' : group;
  if (!targetKinds.some((known) => known.group === normalGroup && known.kind === kind)) {
    const known = targetKinds.map((each) => `${each.group || 'core'}/${each.kind}`).join(', ');
    report.error(
      path,
      `a policy can't be attached to ${group || 'core'}/${kind || '(no kind)'}, expected one of ${known}`,
    );
  }
}

/** Reports wrong selectors and target references of `spec`, and both at once. */
export function checkPolicyTargets(spec: PolicyTargets, context: ValidationContext): void {
  const { report } = context;
  if (spec.selector) checkSelectorLabels(spec.selector.matchLabels, 'spec.selector.matchLabels', report);
  const targets = spec.targetRefs ?? [];
  const ways = [spec.selector, spec.targetRef, targets.length > 0 ? targets : undefined].filter(
    (way) => way !== undefined,
  );
  if (ways.length > 1) report.error('spec', 'only one of selector, targetRef and targetRefs may be set');
  if (spec.targetRef) checkTarget(spec.targetRef, 'spec.targetRef', context);
  if (targets.length > 16) report.error('spec.targetRefs', 'at most 16 target references are allowed');
  for (const [index, target] of targets.entries()) checkTarget(target, `spec.targetRefs[${index}]`, context);
}
