export { autoHost } from './decision.ts';
export type {
  CookieMaker,
  FormatContext,
  ForwardRoute,
  HeaderRules,
  MirrorPolicy,
  MutableHeaders,
  RetryPolicy,
  RouteDecision,
  RouteMiss,
  RouteRequest,
  RouteTable,
  StreamDuration,
} from './decision.ts';
export {
  type ConnectionFacts,
  compileFilterChains,
  type FilterChainChoice,
  type FilterChains,
} from './filter-chain/filter-chains.ts';
export { compileFormat, type FormatOptions, type Formatter } from './format.ts';
export { hashText } from './hash-policy.ts';
export { compileHeaderRules, type HeaderEdits } from './header-rules.ts';
export type { FilterConfigDecoder } from './level.ts';
export { compileRetryPolicy } from './retry-policy.ts';
export { compileRouteMatch, isGrpcContentType, type MatchOptions, type RouteMatcher } from './route-match.ts';
export { compileRouteTable, type RouteTableOptions } from './route-table.ts';
