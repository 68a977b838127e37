export { type Agent, type AgentPorts, type AgentSettings, createAgent } from './agent.ts';
export { type BootstrapJson, type BootstrapOptions, createBootstrap } from './bootstrap.ts';
export { type CertificateLife, type IdentityState, renewalTime } from './identity-state.ts';
export { joinTokenFile } from './join-token-file.ts';
export { type InboundPort, nodeId, nodeMetadata, type ProxyNode } from './node-metadata.ts';
export { isProxyReady } from './status-server.ts';
export {
  createWorkloadIdentity,
  type WorkloadIdentity,
  type WorkloadIdentityOptions,
} from './workload-identity.ts';
