import type {
  istio_networking_v1alpha3_LoadBalancerSettings,
  istio_networking_v1alpha3_LoadBalancerSettings_ConsistentHashLB,
  istio_networking_v1alpha3_LocalityLoadBalancerSetting,
  istio_networking_v1alpha3_OutlierDetection,
  istio_networking_v1alpha3_ZoneAwareLoadBalancerSetting,
} from '@lateen/protos';
import { keySegment } from '../node.ts';
import type { Report } from '../report.ts';
import { checkDuration } from './duration.ts';

type OutlierDetection = istio_networking_v1alpha3_OutlierDetection | undefined;

function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}

/** Largest Maglev table that Envoy builds. */
const mostMaglev = 5_000_011;

function checkHash(
  hash: istio_networking_v1alpha3_LoadBalancerSettings_ConsistentHashLB,
  path: string,
  report: Report,
): void {
  const { httpCookie, maglev } = hash;
  if (
    hash.httpHeaderName === undefined &&
    !httpCookie &&
    hash.useSourceIp === undefined &&
    hash.httpQueryParameterName === undefined
  ) {
    report.error(
      path,
      'consistentHash needs httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName',
    );
  }
  if (httpCookie) {
    if (!httpCookie.name) report.error(`${path}.httpCookie`, 'the cookie needs a name');
    const names = new Set<string>();
    for (const [index, { name = '' }] of (httpCookie.attributes ?? []).entries()) {
      const at = `${path}.httpCookie.attributes[${index}]`;
      if (name === '') report.error(at, 'the cookie attribute needs a name');
      else if (names.has(name)) report.error(at, `the cookie attribute "${name}" stands twice`);
      names.add(name);
    }
  }
  const size = maglev?.tableSize ?? 0;
  if (size > mostMaglev) report.error(`${path}.maglev.tableSize`, `tableSize must be at most ${mostMaglev}`);
  else if (size > 0 && !isPrime(size))
    report.error(`${path}.maglev.tableSize`, 'tableSize must be a prime number for maglev');
}

/** What is wrong with a list of localities: `*` once and last, none within another. Source: Istio validateLocalities. */
function localitiesProblem(localities: readonly string[]): string | undefined {
  const regions = new Map<string, Map<string, Set<string>>>();
  for (const locality of localities) {
    const star = locality.indexOf('*');
    if (star >= 0 && star !== locality.length - 1)
      return `the "*" of the locality "${locality}" must stand once, at its end`;
    const [region = '', zone = '*', subzone = '*'] = locality.split('/');
    const zones = regions.get(region) ?? new Map<string, Set<string>>();
    const subzones = zones.get(zone) ?? new Set<string>();
    const overlaps =
      regions.has('*') ||
      (region === '*' && regions.size > 0) ||
      zones.has('*') ||
      (zone === '*' && zones.size > 0) ||
      subzones.has('*') ||
      (subzone === '*' && subzones.size > 0) ||
      subzones.has(subzone);
    if (overlaps) return `the locality "${locality}" overlaps with one before it`;
    subzones.add(subzone);
    zones.set(zone, subzones);
    regions.set(region, zones);
  }
  return undefined;
}

function checkFailover(
  failover: readonly { from?: string | undefined; to?: string | undefined }[],
  path: string,
  report: Report,
): void {
  for (const [index, { from = '', to = '' }] of failover.entries()) {
    const at = `${path}[${index}]`;
    if (from === to) report.error(at, `failover must lead to another region than "${from}"`);
    for (const [side, region] of Object.entries({ from, to })) {
      if (region.includes('*'))
        report.error(`${at}.${side}`, 'a failover region can\'t have the wildcard "*"');
      if (region.includes('/')) report.error(`${at}.${side}`, 'failover names regions only, without zones');
    }
  }
}

const regionLabel = 'topology.kubernetes.io/region';
const localityLabels = [regionLabel, 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

/** Reports wrong locality settings. Source: Istio validateLocalityLbSetting. */
function checkLocality(
  locality: istio_networking_v1alpha3_LocalityLoadBalancerSetting,
  outlierDetection: OutlierDetection,
  { path, report }: { path: string; report: Report },
): void {
  const { distribute = [], failover = [], failoverPriority = [] } = locality;
  if (distribute.length > 0 && (failover.length > 0 || failoverPriority.length > 0)) {
    report.error(path, 'only one of distribute and failover may be set');
  }
  const sources: string[] = [];
  for (const [index, { from = '', to = {} }] of distribute.entries()) {
    const at = `${path}.distribute[${index}]`;
    sources.push(from);
    let total = 0;
    for (const [target, weight] of Object.entries(to)) {
      if (weight < 1 || weight > 100)
        report.error(
          `${at}.to${keySegment(target)}`,
          `the locality weight ${weight} must be in the range 1 to 100`,
        );
      total += weight;
    }
    if (total !== 100) report.error(`${at}.to`, `the locality weights sum to ${total}, expected 100`);
    const problem = localitiesProblem(Object.keys(to));
    if (problem) report.error(`${at}.to`, problem);
  }
  const problem = localitiesProblem(sources);
  if (problem) report.error(`${path}.distribute`, problem);
  checkFailover(failover, `${path}.failover`, report);
  if (failover.length > 0 && failoverPriority.some((label) => label.startsWith(regionLabel))) {
    report.error(
      `${path}.failoverPriority`,
      `failover and "${regionLabel}" in failoverPriority can't be set together`,
    );
  }
  warnWithoutDetection(failover.length + failoverPriority.length, outlierDetection, { path, report });
}

function warnWithoutDetection(
  count: number,
  outlierDetection: OutlierDetection,
  { path, report }: { path: string; report: Report },
): void {
  if (count > 0 && !outlierDetection)
    report.warning(path, 'failover happens only where outlierDetection is set');
}

function checkZoneAware(
  zoneAware: istio_networking_v1alpha3_ZoneAwareLoadBalancerSetting,
  outlierDetection: OutlierDetection,
  { path, report }: { path: string; report: Report },
): void {
  const { failover = [], failoverPriority = [] } = zoneAware;
  checkFailover(failover, `${path}.failover`, report);
  for (const [index, label] of failoverPriority.entries()) {
    if (!localityLabels.some((each) => label.split('=')[0] === each)) continue;
    report.error(
      `${path}.failoverPriority[${index}]`,
      `zone awareness orders localities itself, "${label}" can't stand in failoverPriority`,
    );
  }
  warnWithoutDetection(failover.length + failoverPriority.length, outlierDetection, { path, report });
}

/** Reports wrong load balancer settings. Source: Istio validateLoadBalancer. */
export function checkLoadBalancer(
  settings: istio_networking_v1alpha3_LoadBalancerSettings,
  outlierDetection: OutlierDetection,
  { path, report }: { path: string; report: Report },
): void {
  if (settings.consistentHash) checkHash(settings.consistentHash, `${path}.consistentHash`, report);
  if (settings.localityLbSetting && settings.zoneAwareLbSetting) {
    report.error(
      `${path}.zoneAwareLbSetting`,
      'only one of localityLbSetting and zoneAwareLbSetting may be set',
    );
  }
  if (settings.localityLbSetting) {
    checkLocality(settings.localityLbSetting, outlierDetection, {
      path: `${path}.localityLbSetting`,
      report,
    });
  }
  if (settings.zoneAwareLbSetting) {
    checkZoneAware(settings.zoneAwareLbSetting, outlierDetection, {
      path: `${path}.zoneAwareLbSetting`,
      report,
    });
  }
  checkDuration(settings.warmupDurationSecs, `${path}.warmupDurationSecs`, { report });
  const { warmup } = settings;
  if (!warmup) return;
  if (settings.warmupDurationSecs)
    report.error(`${path}.warmup`, 'only one of warmup and warmupDurationSecs may be set');
  if (!warmup.duration) report.error(`${path}.warmup`, 'warmup needs a duration');
  checkDuration(warmup.duration, `${path}.warmup.duration`, { report });
  const percent = warmup.minimumPercent?.value ?? 10;
  if (!(percent >= 0 && percent <= 100))
    report.error(`${path}.warmup.minimumPercent`, `the percentage ${percent} must be in the range 0 to 100`);
  if ((warmup.aggression?.value ?? 1) < 1)
    report.error(`${path}.warmup.aggression`, 'aggression must be at least 1');
}
