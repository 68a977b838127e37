export { createMixer, type Mixer, type MixerPorts } from './mixer.ts';
export {
  createMixerCore,
  type MixerCore,
  type MixerCorePorts,
  type MixerCoreSettings,
} from './mixer-core.ts';
export { type MixerSettings, readSettings } from './settings.ts';
export type { Adapter, AdapterSurroundings } from './adapters/adapter.ts';
export { adapters } from './adapters/adapters.ts';
export { LineWriter } from './adapters/line-writer.ts';
export { limitFor, MemQuota } from './adapters/memquota.ts';
export { MetricStore } from './adapters/metric-store.ts';
export { bucketBounds } from './adapters/prometheus.ts';
export { RollingWindow } from './adapters/rolling-window.ts';
