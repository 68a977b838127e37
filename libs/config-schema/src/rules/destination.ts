import type {
  istio_networking_v1alpha3_Destination,
  istio_networking_v1alpha3_Headers,
} from '@lateen/protos';
import { isDnsLabel } from '../metadata.ts';
import type { Report } from '../report.ts';
import { checkHeaders } from './header.ts';
import { wildcardDomainProblem } from './host.ts';
import { portProblem } from './port.ts';

/** Reports a wrong or missing destination. */
export function checkDestination(
  destination: istio_networking_v1alpha3_Destination | undefined,
  path: string,
  report: Report,
): void {
  if (!destination) {
    report.error(path, 'a destination is required');
    return;
  }
  const host = destination.host ?? '';
  if (host === '*') report.error(`${path}.host`, 'the destination host can\'t be "*"');
  else {
    const problem = wildcardDomainProblem(host);
    if (problem) report.error(`${path}.host`, problem);
  }
  if (destination.subset && !isDnsLabel(destination.subset))
    report.error(`${path}.subset`, `"${destination.subset}" is no valid subset name`);
  const port = destination.port ? portProblem(destination.port.number ?? 0) : undefined;
  if (port) report.error(`${path}.port.number`, port);
}

/** A destination with its share of the traffic. */
interface Weighted {
  readonly destination?: istio_networking_v1alpha3_Destination | undefined;
  readonly weight?: number | undefined;
  readonly headers?: istio_networking_v1alpha3_Headers | undefined;
}

/** Reports wrong destinations and weights of a route. */
export function checkDestinations(routes: readonly Weighted[], path: string, report: Report): void {
  let total = 0;
  for (const [index, route] of routes.entries()) {
    const at = `${path}[${index}]`;
    const weight = route.weight ?? 0;
    checkDestination(route.destination, `${at}.destination`, report);
    checkHeaders(route.headers, `${at}.headers`, report);
    if (weight < 0) report.error(`${at}.weight`, `the weight ${weight} is negative`);
    total += Math.max(0, weight);
  }
  if (total > 2 ** 32 - 1) report.error(path, `the weights sum to ${total}, more than ${2 ** 32 - 1}`);
  if (routes.length > 1 && total === 0)
    report.error(path, 'the weights of several destinations must not all be 0');
}
