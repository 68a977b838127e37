export { type Bootstrap, mergeBootstraps, parseBootstrap } from './bootstrap/bootstrap.ts';
export type { DnsFamily, DnsResolver } from './cluster/dns.ts';
export { createDataPlane, type DataPlane, type DataPlaneOptions } from './server.ts';
