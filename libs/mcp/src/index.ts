export { deltaOf, type ResourceDelta, versionsAfter } from './delta.ts';
export { type ConfigSnapshot, createMcpSink, type McpSink, type McpSinkOptions } from './sink/mcp-sink.ts';
export {
  type SinkChange,
  type SinkCollection,
  SinkSession,
  type SinkSessionOptions,
  type SinkStep,
} from './sink/sink-session.ts';
export { createMcpSource, type McpSourceOptions } from './source/mcp-source.ts';
export type { McpCollection, McpSnapshot } from './source/snapshot.ts';
export { SourceSession, type SourceSessionOptions, type SourceStep } from './source/source-session.ts';
