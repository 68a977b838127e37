export { createMixer, type Mixer, type MixerPorts } from './mixer.ts';
export {
  createMixerCore,
  type MixerCore,
  type MixerCorePorts,
  type MixerCoreSettings,
} from './mixer-core.ts';
export { type MixerSettings, readSettings } from './settings.ts';
