import { invalidConfig, joinPath } from '@lateen/matching';
import type { envoy_config_core_v3_HeaderValueOption, google_protobuf_Any } from '@lateen/protos';
import type { HeaderRules } from './decision.ts';
import { compileHeaderRules } from './header-rules.ts';

/**
 * Turns a `typed_per_filter_config` entry into what the filter of that name reads; `path` is the entry's.
 * @throws Error when the filter is unknown or its config wrong; the compiler adds nothing to the message
 */
export type FilterConfigDecoder = (filter: string, config: google_protobuf_Any, path: string) => unknown;

/** What table, virtual host, route and weighted cluster have in common. */
export interface LevelFields {
  readonly requestHeadersToAdd?: readonly envoy_config_core_v3_HeaderValueOption[] | undefined;
  readonly requestHeadersToRemove?: readonly string[] | undefined;
  readonly responseHeadersToAdd?: readonly envoy_config_core_v3_HeaderValueOption[] | undefined;
  readonly responseHeadersToRemove?: readonly string[] | undefined;
  readonly typedPerFilterConfig?: { [key: string]: google_protobuf_Any } | undefined;
}

/** A level with all that it inherits: rules in the order to apply, filter config of the most specific level. */
export interface Level {
  readonly requestHeaders: readonly HeaderRules[];
  readonly responseHeaders: readonly HeaderRules[];
  readonly filterConfig: ReadonlyMap<string, unknown>;
}

/** How levels combine. */
export interface LevelOptions {
  readonly decodeFilterConfig: FilterConfigDecoder;
  /** Outer levels run first, so that inner ones have the last word; by default it is the other way round. */
  readonly mostSpecificWins: boolean;
}

/** Nothing inherited: what the table's own level starts from. */
export const rootLevel: Level = { requestHeaders: [], responseHeaders: [], filterConfig: new Map() };

/** Compiles one level on top of what it inherits. @throws LateenError LTN_CONFIG_INVALID naming the path */
export function compileLevel(fields: LevelFields, path: string, outer: Level, options: LevelOptions): Level {
  const combine = (own: HeaderRules, inherited: readonly HeaderRules[]): readonly HeaderRules[] => {
    if (own.empty) return inherited;
    return options.mostSpecificWins ? [...inherited, own] : [own, ...inherited];
  };
  const request = { add: fields.requestHeadersToAdd ?? [], remove: fields.requestHeadersToRemove ?? [] };
  const response = { add: fields.responseHeadersToAdd ?? [], remove: fields.responseHeadersToRemove ?? [] };
  let { filterConfig } = outer;
  const own = Object.entries(fields.typedPerFilterConfig ?? {});
  if (own.length > 0) {
    const merged = new Map(filterConfig);
    for (const [filter, config] of own) {
      const at = joinPath(path, `typed_per_filter_config["${filter}"]`);
      if (filter === '') throw invalidConfig(at, 'names no filter');
      merged.set(filter, options.decodeFilterConfig(filter, config, at));
    }
    filterConfig = merged;
  }
  return {
    requestHeaders: combine(compileHeaderRules(request, path, 'request_headers'), outer.requestHeaders),
    responseHeaders: combine(compileHeaderRules(response, path, 'response_headers'), outer.responseHeaders),
    filterConfig,
  };
}
