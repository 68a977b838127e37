import type { ConfigObject } from '@lateen/config-schema';
import { compileRegex } from '@lateen/matching';
import {
  enumOf,
  fromJson,
  type istio_networking_v1alpha3_EnvoyFilter as EnvoyFilterSpec,
  type istio_networking_v1alpha3_EnvoyFilter_EnvoyConfigObjectMatch as Match,
  type MessageName,
  structJson,
} from '@lateen/protos';
import { attempt, type CompileProblem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import { selects } from '../model/service.ts';
import { objectKey } from '../model/spec.ts';

const targets = enumOf('istio.networking.v1alpha3.EnvoyFilter.ApplyTo');
const operations = enumOf('istio.networking.v1alpha3.EnvoyFilter.Patch.Operation');
const contexts = enumOf('istio.networking.v1alpha3.EnvoyFilter.PatchContext');

/** What a patch changes. */
export type PatchTarget = Exclude<keyof typeof targets, 'INVALID'>;
/** Where a resource stands. */
export type PatchContext = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

/** One patch of an EnvoyFilter that holds for the proxy. */
export interface EnvoyPatch {
  /** Key of the object, for problems. */
  readonly object: string;
  readonly target: number;
  readonly operation: number;
  readonly match: Match;
  /** The value as the message that the target is; nothing for a REMOVE. */
  readonly value: object;
}

const messages: ReadonlyMap<number, MessageName> = new Map<number, MessageName>([
  [targets.LISTENER, 'envoy.config.listener.v3.Listener'],
  [targets.LISTENER_FILTER, 'envoy.config.listener.v3.ListenerFilter'],
  [targets.FILTER_CHAIN, 'envoy.config.listener.v3.FilterChain'],
  [targets.NETWORK_FILTER, 'envoy.config.listener.v3.Filter'],
  [targets.HTTP_FILTER, 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'],
  [targets.ROUTE_CONFIGURATION, 'envoy.config.route.v3.RouteConfiguration'],
  [targets.VIRTUAL_HOST, 'envoy.config.route.v3.VirtualHost'],
  [targets.HTTP_ROUTE, 'envoy.config.route.v3.Route'],
  [targets.CLUSTER, 'envoy.config.cluster.v3.Cluster'],
]);

type EnvoyFilter = ConfigObject<EnvoyFilterSpec>;

function holdsFor(match: Match, proxy: Proxy): boolean {
  const { proxyVersion, metadata } = match.proxy ?? {};
  if (proxyVersion) {
    const version = proxy.metadata.get('ISTIO_VERSION') ?? '';
    if (!compileRegex({ regex: `(?:${proxyVersion}).*` }, 'proxyVersion')(version)) return false;
  }
  return Object.entries(metadata ?? {}).every(([key, value]) => proxy.metadata.get(key) === value);
}

/** EnvoyFilters of a proxy in their order: the root namespace's first, then its own; by priority, then by age. */
function filtersOf(
  filters: readonly EnvoyFilter[],
  proxy: Proxy,
  rootNamespace: string,
): readonly EnvoyFilter[] {
  return [...new Set([rootNamespace, proxy.namespace])].flatMap((namespace) =>
    filters
      .filter(
        ({ metadata, spec }) =>
          metadata.namespace === namespace && selects(spec.workloadSelector?.labels ?? {}, proxy.labels),
      )
      .sort((a, b) => (a.spec.priority ?? 0) - (b.spec.priority ?? 0)),
  );
}

/** Patches that hold for a proxy, in the order in which they are applied. One that can't be read is a problem. */
export function patchesOf(
  filters: readonly EnvoyFilter[],
  proxy: Proxy,
  options: { rootNamespace: string; problems: CompileProblem[] },
): EnvoyPatch[] {
  return filtersOf(filters, proxy, options.rootNamespace).flatMap((filter) => {
    const object = objectKey('istio/networking/v1alpha3/envoyfilters', filter);
    return (filter.spec.configPatches ?? []).flatMap(({ applyTo, match = {}, patch }): EnvoyPatch[] => {
      const message = messages.get(applyTo ?? 0);
      if (!message) return [];
      const found = attempt(options.problems, object, () => {
        if (!holdsFor(match, proxy)) return [];
        const operation = patch?.operation ?? operations.INVALID;
        const json = patch?.value ? structJson(patch.value) : {};
        const value = operation === operations.REMOVE ? {} : fromJson(message, json);
        return [{ object, target: applyTo ?? 0, operation, match, value }];
      });
      return found ?? [];
    });
  });
}

/** Does a patch hold in this context? */
function inContext(patch: EnvoyPatch, context: PatchContext): boolean {
  const wanted = patch.match.context ?? contexts.ANY;
  return wanted === contexts.ANY || wanted === contexts[context];
}

/** Patches of one target and context. */
export function patchesFor(
  patches: readonly EnvoyPatch[],
  target: PatchTarget,
  context: PatchContext,
): EnvoyPatch[] {
  return patches.filter((patch) => patch.target === targets[target] && inContext(patch, context));
}
