export { createPilot, type Pilot, type PilotPorts } from './pilot.ts';
export type { RegisteredWorkloads } from './registry/workload-registry.ts';
export { type Address, type PilotSettings, type ProcessSettings, readSettings } from './settings.ts';
