import { invalidConfig, refuseFields } from '@lateen/matching';
import {
  anyName,
  type envoy_config_listener_v3_ListenerFilter,
  type envoy_config_listener_v3_ListenerFilterChainMatchPredicate,
} from '@lateen/protos';

const tlsInspector = 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector';
const httpInspector = 'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector';

type Predicate = envoy_config_listener_v3_ListenerFilterChainMatchPredicate;
type OnPort = (port: number) => boolean;

function compilePredicate(predicate: Predicate, path: string): OnPort {
  if (predicate.destinationPortRange) {
    const { start = 0, end = 0 } = predicate.destinationPortRange;
    return (port) => port >= start && port < end;
  }
  if (predicate.anyMatch !== undefined) return () => predicate.anyMatch === true;
  if (predicate.notMatch) {
    const inner = compilePredicate(predicate.notMatch, `${path}.not_match`);
    return (port) => !inner(port);
  }
  if (predicate.orMatch || predicate.andMatch) {
    const rules = (predicate.orMatch?.rules ?? predicate.andMatch?.rules ?? []).map((rule, index) =>
      compilePredicate(rule, `${path}.${predicate.orMatch ? 'or_match' : 'and_match'}.rules[${index}]`),
    );
    return predicate.orMatch
      ? (port) => rules.some((on) => on(port))
      : (port) => rules.every((on) => on(port));
  }
  throw invalidConfig(path, 'names no rule');
}

/** What a listener's filters look for, by destination port. */
export interface ListenerFilters {
  readonly tls: OnPort;
  readonly http: OnPort;
}

/** Compiles listener filters. @throws LateenError LTN_CONFIG_INVALID naming the filter that is unknown */
export function compileListenerFilters(
  filters: readonly envoy_config_listener_v3_ListenerFilter[],
): ListenerFilters {
  let tls: OnPort = () => false;
  let http: OnPort = () => false;
  for (const [index, filter] of filters.entries()) {
    const path = `listener_filters[${index}]`;
    refuseFields(filter, path, ['configDiscovery']);
    const type = filter.typedConfig ? anyName(filter.typedConfig) : (filter.name ?? '');
    const off = filter.filterDisabled
      ? compilePredicate(filter.filterDisabled, `${path}.filter_disabled`)
      : () => false;
    if (type === tlsInspector || type === 'envoy.filters.listener.tls_inspector') tls = (port) => !off(port);
    else if (type === httpInspector || type === 'envoy.filters.listener.http_inspector')
      http = (port) => !off(port);
    else throw invalidConfig(path, `the listener filter ${filter.name || type} (${type}) is not supported`);
  }
  return { tls, http };
}
