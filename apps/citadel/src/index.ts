export { type Citadel, type CitadelPorts, createCitadel } from './citadel.ts';
export { type CitadelSettings, readSettings } from './settings.ts';
