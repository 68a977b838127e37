export { adminToken } from './admin-token.ts';
export { Backoff, type BackoffOptions, type Random } from './backoff.ts';
export { type Clock, ManualClock, sleep, systemClock, type Timer } from './clock.ts';
export { type ErrorCode, type ErrorOptions, type ErrorOrigin, LateenError, messageOf } from './error.ts';
export {
  type Component,
  composeComponents,
  type HostProcess,
  type RunOptions,
  runProcess,
} from './lifecycle.ts';
export { createLogger, type LogFields, type Logger, type LoggerOptions, silentLogger } from './logger.ts';
export {
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  latencyBucketsMs,
  MetricsRegistry,
} from './metrics.ts';
export { Secret } from './secret.ts';
export { type Environment, setting, type SettingParser, SettingsReader } from './settings.ts';
export { type MapChange, type Unsubscribe, WatchMap, WatchValue } from './watch.ts';
export { createGatekeeper, type Refusal, type Visitor } from './gatekeeper.ts';
