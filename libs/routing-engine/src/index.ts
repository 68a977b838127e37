export type {
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
} from './decision.ts';
