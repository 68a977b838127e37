import type { HttpFilterKind } from './kind.ts';

/**
 * Filters that don't change what a request or response is for HTTP/1.1: gRPC statistics, and gRPC-Web for callers that
 * don't speak it. They are taken so that Istio's usual chains load.
 */
export const passThrough: readonly HttpFilterKind[] = [
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
].map((config) => ({ config, compile: (_config, { name }) => ({ name }) }));
