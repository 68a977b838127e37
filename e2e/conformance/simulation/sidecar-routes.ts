import { compileProxy, createMeshModel, encodeResources, parseProxy } from '@lateen/mesh-compiler';
import { decode, type envoy_config_route_v3_Route as Route, structOf } from '@lateen/protos';
import { corpusJson, tally, type Tally } from '../config/corpus.ts';
import { snapshotOf } from './objects.ts';

interface Scenario {
  readonly id: string;
  readonly variant: 'virtualservice' | 'httproute';
  readonly config: string;
  readonly proxyNamespace: string;
  readonly routeName: string;
  /** Clusters by domain; `null`: the domain must be absent. */
  readonly expectedHosts: { readonly [domain: string]: readonly string[] | null };
}

function clustersOf({ route }: Route): string[] {
  if (route?.weightedClusters)
    return (route.weightedClusters.clusters ?? []).flatMap(({ name }) => (name ? [name] : []));
  return route?.cluster ? [route.cluster] : [];
}

/** A Service's ports must have names of their own; the scenarios were made where nobody looked. */
function withPortNames(config: string): string {
  return config.replaceAll(/- port: (\d+)\n(\s+)name: http\n/g, '- port: $1\n$2name: http-$1\n');
}

function failureOf(scenario: Scenario): string | undefined {
  const snapshot = snapshotOf(withPortNames(scenario.config), 'default');
  const model = createMeshModel(snapshot, { domainSuffix: 'cluster.local' });
  const { proxyNamespace: namespace } = scenario;
  const proxy = parseProxy({
    id: `sidecar~1.1.1.1~test.${namespace}~${namespace}.svc.cluster.local`,
    metadata: structOf({ NAMESPACE: namespace }),
  });
  const { routes } = encodeResources(compileProxy(model, proxy));
  const hosts = routes
    .map((bytes) => decode('envoy.config.route.v3.RouteConfiguration', bytes))
    .filter(({ name }) => name === scenario.routeName)
    .flatMap(({ virtualHosts }) => virtualHosts ?? []);
  const differences: string[] = [];
  for (const [domain, wanted] of Object.entries(scenario.expectedHosts)) {
    const host = hosts.find(({ domains }) => (domains ?? []).includes(domain));
    const found = host ? (host.routes ?? []).flatMap(clustersOf).sort().join() : 'absent';
    const expected = wanted ? wanted.toSorted().join() : 'absent';
    if (found !== expected) differences.push(`${domain}: ${found} instead of ${expected}`);
  }
  return differences.length > 0 ? differences.join('; ') : undefined;
}

/** Scenarios of the routes that a sidecar gets. The Gateway API's HTTPRoute, which Lateen doesn't read, is left out. */
export function sidecarRouteTally(): Tally {
  const { scenarios } = corpusJson('simulation/sidecar-routes.json') as { scenarios: readonly Scenario[] };
  return tally(
    scenarios
      .filter(({ variant }) => variant === 'virtualservice')
      .map((scenario) => [scenario.id, failureOf(scenario)] as const),
  );
}
