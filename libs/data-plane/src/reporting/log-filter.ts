import { compileHeaderMatcher, fractionOf, invalidConfig } from '@lateen/matching';
import {
  enumOf,
  type envoy_config_accesslog_v3_AccessLogFilter,
  type envoy_config_accesslog_v3_ComparisonFilter,
} from '@lateen/protos';
import type { FilterStream } from '../http-filters/filter.ts';
import { flagOf } from './response-flags.ts';

/** Is this stream logged? */
export type LogFilter = (stream: FilterStream) => boolean;

function compileComparison(
  comparison: envoy_config_accesslog_v3_ComparisonFilter | undefined,
  path: string,
): (value: number) => boolean {
  const ops = enumOf('envoy.config.accesslog.v3.ComparisonFilter.Op');
  const bound = comparison?.value?.defaultValue ?? 0;
  switch (comparison?.op ?? ops.EQ) {
    case ops.EQ:
      return (value) => value === bound;
    case ops.GE:
      return (value) => value >= bound;
    case ops.LE:
      return (value) => value <= bound;
    default:
      throw invalidConfig(`${path}.op`, 'is not supported');
  }
}

/** Compiles an access log filter. @throws LateenError LTN_CONFIG_INVALID for kinds that aren't supported */
export function compileLogFilter(filter: envoy_config_accesslog_v3_AccessLogFilter, path: string): LogFilter {
  if (filter.statusCodeFilter) {
    const compare = compileComparison(
      filter.statusCodeFilter.comparison,
      `${path}.status_code_filter.comparison`,
    );
    return (stream) => compare(Number(stream.responseHeaders?.get(':status') ?? 0));
  }
  if (filter.durationFilter) {
    const compare = compileComparison(filter.durationFilter.comparison, `${path}.duration_filter.comparison`);
    return ({ record }) => compare(record.endAt - record.begunAt);
  }
  if (filter.notHealthCheckFilter || filter.traceableFilter) return () => true;
  if (filter.runtimeFilter) {
    const share = fractionOf(filter.runtimeFilter.percentSampled);
    return (stream) => hashOf(stream.requestHeaders.get('x-request-id') ?? '') < share;
  }
  if (filter.andFilter || filter.orFilter) {
    const every = filter.andFilter !== undefined;
    const name = every ? 'and_filter' : 'or_filter';
    const filters = (filter.andFilter ?? filter.orFilter)!.filters ?? [];
    const compiled = filters.map((inner, index) =>
      compileLogFilter(inner, `${path}.${name}.filters[${index}]`),
    );
    if (every) return (stream) => compiled.every((inner) => inner(stream));
    return (stream) => compiled.some((inner) => inner(stream));
  }
  if (filter.headerFilter) {
    const matches = compileHeaderMatcher(filter.headerFilter.header ?? {}, `${path}.header_filter.header`);
    return (stream) => matches(stream.requestHeaders);
  }
  if (filter.responseFlagFilter) {
    const flags = filter.responseFlagFilter.flags ?? [];
    if (flags.length === 0) return ({ record }) => record.flags !== 0;
    // Flags that we never set match nothing, as they never would in Envoy either.
    const bits = flags.reduce((all, flag) => all | (flagOf(flag) ?? 0), 0);
    return ({ record }) => (record.flags & bits) !== 0;
  }
  throw invalidConfig(path, 'has no kind of filter that is supported');
}

/** Share in [0, 1) that a request id falls on, the same for one id everywhere. */
function hashOf(id: string): number {
  let hash = 2166136261;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 16777619);
  return (hash >>> 0) / 0x1_0000_0000;
}
