import type { k8s_io_api_core_v1_ServiceSpec } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { fqdnProblem, isIpAddress } from '../rules/host.ts';
import { portProblem } from '../rules/port.ts';
import { checkLabels } from '../rules/selector.ts';
import { didYouMean } from '../suggestion.ts';

const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'];
const transports = ['TCP', 'UDP', 'SCTP'];
const portName = /^(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function checkPorts(spec: k8s_io_api_core_v1_ServiceSpec, { report }: ValidationContext): void {
  const ports = spec.ports ?? [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    const { name = '', port: number = 0, protocol = '', targetPort } = port;
    if (name === '' && ports.length > 1)
      report.error(path, 'a port needs a name where a service has several');
    else if (name !== '' && !dnsLabel.test(name))
      report.error(
        `${path}.name`,
        `"${name}" is no valid port name: expected lower-case letters, digits and "-"`,
      );
    else if (name !== '' && names.has(name))
      report.error(`${path}.name`, `the port name "${name}" stands twice`);
    names.add(name);
    const problem = portProblem(number);
    if (problem) report.error(`${path}.port`, problem);
    if (protocol !== '' && !transports.includes(protocol))
      report.error(
        `${path}.protocol`,
        `"${protocol}" is no transport protocol, expected ${transports.join(', ')}`,
        didYouMean(protocol, transports),
      );
    const key = `${number}/${protocol || 'TCP'}`;
    if (numbers.has(key)) report.error(`${path}.port`, `the port ${key} stands twice`);
    numbers.add(key);
    if (targetPort?.type === 1) {
      if (!portName.test(targetPort.strVal ?? '') || (targetPort.strVal?.length ?? 0) > 15)
        report.error(`${path}.targetPort`, `"${targetPort.strVal}" is no valid port name`);
    } else if (targetPort) {
      const target = portProblem(targetPort.intVal ?? 0);
      if (target) report.error(`${path}.targetPort`, target);
    }
  }
}

function validate(spec: k8s_io_api_core_v1_ServiceSpec, context: ValidationContext): void {
  const { report } = context;
  const type = spec.type || 'ClusterIP';
  if (!types.includes(type))
    report.error(
      'spec.type',
      `"${type}" is no service type, expected ${types.join(', ')}`,
      didYouMean(type, types),
    );
  checkLabels(spec.selector, 'spec.selector', report);
  if (type === 'ExternalName') {
    const problem = fqdnProblem(spec.externalName ?? '');
    if (problem) report.error('spec.externalName', problem);
  } else if (!spec.ports?.length && spec.clusterIP !== 'None')
    report.error('spec.ports', 'at least one port is required');
  if (spec.clusterIP && spec.clusterIP !== 'None' && !isIpAddress(spec.clusterIP))
    report.error('spec.clusterIP', `"${spec.clusterIP}" is no IP address`);
  checkPorts(spec, context);
}

/** A named set of workloads. Source: Kubernetes core/v1 Service. */
export const service = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Service',
  shortNames: ['svc'],
  nameForm: 'service',
  collection: 'k8s/core/v1/services',
  message: 'k8s.io.api.core.v1.ServiceSpec',
  validate,
});
