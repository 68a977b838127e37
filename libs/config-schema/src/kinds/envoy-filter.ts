import {
  enumOf,
  type google_protobuf_Struct,
  isMessageName,
  type istio_networking_v1alpha3_EnvoyFilter,
  type istio_networking_v1alpha3_EnvoyFilter_EnvoyConfigObjectMatch,
  type istio_networking_v1alpha3_EnvoyFilter_EnvoyConfigObjectPatch,
  structJson,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import type { Report } from '../report.ts';
import { checkPatchValue, oldFilterName } from '../rules/envoy-patch.ts';
import { regexProblem } from '../rules/regular-expression.ts';
import { checkPolicyTargets, checkSelectorLabels } from '../rules/selector.ts';

const targets = enumOf('istio.networking.v1alpha3.EnvoyFilter.ApplyTo');
const operations = enumOf('istio.networking.v1alpha3.EnvoyFilter.Patch.Operation');
const connectionManager = 'envoy.filters.network.http_connection_manager';

const listenerTargets: readonly number[] = [
  targets.LISTENER,
  targets.FILTER_CHAIN,
  targets.NETWORK_FILTER,
  targets.HTTP_FILTER,
  targets.LISTENER_FILTER,
];
const routeTargets: readonly number[] = [
  targets.ROUTE_CONFIGURATION,
  targets.VIRTUAL_HOST,
  targets.HTTP_ROUTE,
];

/** Targets whose patch is one message, with its name. */
const targetMessages: ReadonlyMap<
  number,
  | 'envoy.config.cluster.v3.Cluster'
  | 'envoy.config.listener.v3.Listener'
  | 'envoy.config.listener.v3.FilterChain'
  | 'envoy.config.listener.v3.Filter'
  | 'envoy.config.listener.v3.ListenerFilter'
  | 'envoy.config.route.v3.RouteConfiguration'
  | 'envoy.config.route.v3.VirtualHost'
  | 'envoy.config.route.v3.Route'
  | 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'
  | 'envoy.config.core.v3.TypedExtensionConfig'
> = new Map([
  [targets.CLUSTER, 'envoy.config.cluster.v3.Cluster'],
  [targets.LISTENER, 'envoy.config.listener.v3.Listener'],
  [targets.FILTER_CHAIN, 'envoy.config.listener.v3.FilterChain'],
  [targets.NETWORK_FILTER, 'envoy.config.listener.v3.Filter'],
  [targets.LISTENER_FILTER, 'envoy.config.listener.v3.ListenerFilter'],
  [targets.ROUTE_CONFIGURATION, 'envoy.config.route.v3.RouteConfiguration'],
  [targets.VIRTUAL_HOST, 'envoy.config.route.v3.VirtualHost'],
  [targets.HTTP_ROUTE, 'envoy.config.route.v3.Route'],
  [targets.HTTP_FILTER, 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'],
  [targets.EXTENSION_CONFIG, 'envoy.config.core.v3.TypedExtensionConfig'],
]);

function checkListenerMatch(
  match: istio_networking_v1alpha3_EnvoyFilter_EnvoyConfigObjectMatch,
  applyTo: number,
  { path, report }: { path: string; report: Report },
): void {
  const filter = match.listener?.filterChain?.filter;
  if (!filter) return;
  const at = `${path}.listener.filterChain.filter`;
  if (!filter.name) report.error(at, 'a filter match needs a name');
  else {
    const renamed = oldFilterName(filter.name);
    if (renamed)
      report.warning(`${at}.name`, `the filter name "${filter.name}" is deprecated`, `write "${renamed}"`);
  }
  if (!filter.subFilter) return;
  if (applyTo !== targets.HTTP_FILTER)
    report.error(`${at}.subFilter`, 'a subfilter match works with applyTo HTTP_FILTER only');
  else if (filter.name && (oldFilterName(filter.name) ?? filter.name) !== connectionManager) {
    report.error(`${at}.subFilter`, `a subfilter match needs the filter ${connectionManager}`);
  } else if (!filter.subFilter.name) report.error(`${at}.subFilter`, 'a subfilter match needs a name');
}

function checkMatch(
  match: istio_networking_v1alpha3_EnvoyFilter_EnvoyConfigObjectMatch,
  applyTo: number,
  { path, report }: { path: string; report: Report },
): void {
  const version = match.proxy?.proxyVersion;
  if (version && version.length > 1024)
    report.warning(`${path}.proxy.proxyVersion`, 'a version match over 1024 characters is ignored');
  else if (version) {
    const problem = regexProblem(version);
    if (problem) report.error(`${path}.proxy.proxyVersion`, problem);
  }
  const found = (['listener', 'routeConfiguration', 'cluster', 'waypoint'] as const).find(
    (field) => match[field],
  );
  if (!found || found === 'waypoint') return;
  const fitting = listenerTargets.includes(applyTo)
    ? 'listener'
    : routeTargets.includes(applyTo)
      ? 'routeConfiguration'
      : applyTo === targets.CLUSTER
        ? 'cluster'
        : undefined;
  if (fitting && fitting !== found)
    report.error(`${path}.${found}`, `this applyTo can be matched by ${fitting} only`);
  checkListenerMatch(match, applyTo, { path, report });
}

/** Every `@type` that a patch names, so that a type of Envoy's old API is told before a proxy refuses it. */
function checkTypes(value: google_protobuf_Struct, path: string, report: Report): void {
  const queue: unknown[] = [structJson(value)];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if (Array.isArray(next)) queue.push(...next);
    for (const [key, child] of Object.entries(next)) {
      if (key !== '@type' || typeof child !== 'string') {
        queue.push(child);
        continue;
      }
      const name = child.slice(child.lastIndexOf('/') + 1);
      if (!/^(envoy|google)\./.test(name) || isMessageName(name)) continue;
      const old = /\.v[12](alpha\d*)?\.|^envoy\.config\.filter\./.test(name);
      if (old) report.error(path, `"${name}" belongs to Envoy's old API`, 'use the v3 type');
      else report.warning(path, `the type "${name}" is unknown to this data plane`);
    }
  }
}

function checkPatch(
  entry: istio_networking_v1alpha3_EnvoyFilter_EnvoyConfigObjectPatch,
  path: string,
  report: Report,
): void {
  const { applyTo = targets.INVALID, patch, match } = entry;
  if (applyTo === targets.INVALID) {
    report.error(path, 'a patch needs applyTo');
    return;
  }
  if (!patch) report.error(path, 'a patch is required');
  else if (!patch.operation) report.error(`${path}.patch`, 'a patch needs an operation');
  else if (patch.operation !== operations.REMOVE && !patch.value)
    report.error(`${path}.patch`, 'a patch needs a value, unless it removes');
  if (patch?.filterClass && applyTo !== targets.HTTP_FILTER)
    report.error(`${path}.patch.filterClass`, 'filterClass works with applyTo HTTP_FILTER only');
  if (match) checkMatch(match, applyTo, { path: `${path}.match`, report });
  if (!patch?.value) return;
  checkTypes(patch.value, `${path}.patch.value`, report);
  const message = targetMessages.get(applyTo);
  if (message) checkPatchValue(message, patch.value, { path: `${path}.patch.value`, report });
}

function validate(spec: istio_networking_v1alpha3_EnvoyFilter, context: ValidationContext): void {
  const { report } = context;
  if (spec.workloadSelector)
    checkSelectorLabels(spec.workloadSelector.labels, 'spec.workloadSelector', report);
  const selector = spec.workloadSelector && { matchLabels: spec.workloadSelector.labels };
  if (spec.targetRefs?.length) checkPolicyTargets({ selector, targetRefs: spec.targetRefs }, context);
  for (const [index, patch] of (spec.configPatches ?? []).entries())
    checkPatch(patch, `spec.configPatches[${index}]`, report);
}

/** Patches of generated Envoy configuration. Source: Istio networking/v1alpha3/envoy_filter.proto. */
export const envoyFilter = defineKind({
  group: 'networking.istio.io',
  versions: ['v1alpha3'],
  kind: 'EnvoyFilter',
  collection: 'istio/networking/v1alpha3/envoyfilters',
  message: 'istio.networking.v1alpha3.EnvoyFilter',
  validate,
});
