import type {
  istio_networking_v1alpha3_ReadinessProbe,
  istio_networking_v1alpha3_WorkloadGroup,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import type { Report } from '../report.ts';
import { portProblem } from '../rules/port.ts';
import { checkLabels } from '../rules/selector.ts';
import { checkWorkload } from '../rules/workload.ts';

const probeHeader = /^[-_A-Za-z0-9]+$/;

function checkProbe(probe: istio_networking_v1alpha3_ReadinessProbe, report: Report): void {
  const path = 'spec.probe';
  const times = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const;
  for (const field of times)
    if ((probe[field] ?? 0) < 0) report.error(`${path}.${field}`, `${field} can't be negative`);
  const { httpGet, tcpSocket, exec, grpc } = probe;
  for (const [field, method] of Object.entries({ httpGet, tcpSocket, grpc })) {
    const problem = method ? portProblem(method.port ?? 0) : undefined;
    if (problem) report.error(`${path}.${field}.port`, problem);
  }
  if (httpGet?.scheme && !['HTTP', 'HTTPS', 'http', 'https'].includes(httpGet.scheme)) {
    report.error(`${path}.httpGet.scheme`, `"${httpGet.scheme}" is no scheme, expected HTTP or HTTPS`);
  }
  for (const [index, header] of (httpGet?.httpHeaders ?? []).entries()) {
    if (!probeHeader.test(header.name ?? ''))
      report.error(
        `${path}.httpGet.httpHeaders[${index}].name`,
        `"${header.name ?? ''}" is no header name: expected letters, digits, "-" and "_"`,
      );
  }
  if (exec && !exec.command?.length) report.error(`${path}.exec.command`, 'a command is required');
  if (!httpGet && !tcpSocket && !exec && !grpc)
    report.error(path, 'a probe needs httpGet, tcpSocket, exec or grpc');
}

function validate(spec: istio_networking_v1alpha3_WorkloadGroup, { report }: ValidationContext): void {
  if (!spec.template) report.error('spec.template', 'a template is required');
  else checkWorkload(spec.template, { path: 'spec.template', report, address: false });
  checkLabels(spec.metadata?.labels, 'spec.metadata.labels', report);
  if (spec.probe) checkProbe(spec.probe, report);
}

/** Template of workloads that register themselves. Source: Istio networking/v1alpha3/workload_group.proto. */
export const workloadGroup = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadGroup',
  shortNames: ['wg'],
  collection: 'istio/networking/v1alpha3/workloadgroups',
  message: 'istio.networking.v1alpha3.WorkloadGroup',
  validate,
});
