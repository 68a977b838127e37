import type { istio_networking_v1alpha3_WorkloadEntry } from '@lateen/protos';
import { keySegment } from '../node.ts';
import type { Report } from '../report.ts';
import { unixPathProblem } from './address.ts';
import { fqdnProblem, isIpAddress } from './host.ts';
import { checkPortName, portProblem } from './port.ts';
import { checkLabels } from './selector.ts';

const unixPrefix = 'unix://';

/** Is the address a unix socket? */
export function isUnixAddress(address: string): boolean {
  return address.startsWith(unixPrefix);
}

/** Which addresses a workload may have where it stands. */
export interface WorkloadRules {
  readonly path: string;
  readonly report: Report;
  /** An address is required (a group's template has none). */
  readonly address: boolean;
  /** Addresses must be IP addresses or sockets, or names or IP addresses; unset: any of them. */
  readonly only?: 'ip' | 'name';
}

function addressProblem(address: string, only: WorkloadRules['only']): string | undefined {
  if (isUnixAddress(address)) {
    return only === 'name'
      ? `"${address}" is neither a domain name nor an IP address`
      : unixPathProblem(address.slice(unixPrefix.length));
  }
  if (isIpAddress(address)) return undefined;
  if (only === 'ip') return `"${address}" is no IP address`;
  return fqdnProblem(address) === undefined
    ? undefined
    : `"${address}" is neither a domain name nor an IP address`;
}

/** Reports a wrong workload: a WorkloadEntry, a ServiceEntry's endpoint or a group's template. Source: Istio validateWorkloadEntry. */
export function checkWorkload(
  workload: istio_networking_v1alpha3_WorkloadEntry,
  { path, report, address: required, only }: WorkloadRules,
): void {
  const { address = '', network = '', ports = {} } = workload;
  if (address === '') {
    if (network !== '')
      report.warning(
        path,
        `the address is unset, the workload is reached through the gateways of the network "${network}"`,
      );
    else if (required) report.error(`${path}.address`, 'an address is required');
  } else {
    const problem = addressProblem(address, only);
    if (problem) report.error(`${path}.address`, problem);
    if (isUnixAddress(address) && Object.keys(ports).length > 0)
      report.error(`${path}.ports`, 'a unix socket has no ports');
  }
  for (const [name, port] of Object.entries(ports)) {
    const at = `${path}.ports${keySegment(name)}`;
    checkPortName(name, at, report);
    const problem = portProblem(port);
    if (problem) report.error(at, problem);
  }
  checkLabels(workload.labels, `${path}.labels`, report);
}
