export { type CommandLine, readCommandLine } from './command-line.ts';
export { createSidecar, type ProxyPorts, type Sidecar } from './sidecar.ts';
export { readSidecarSettings, type SidecarSettings } from './sidecar-settings.ts';
export { createStandalone, readBootstrap } from './standalone.ts';
