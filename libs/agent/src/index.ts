export { type CertificateLife, type IdentityState, renewalTime } from './identity-state.ts';
export { joinTokenFile } from './join-token-file.ts';
export {
  createWorkloadIdentity,
  type WorkloadIdentity,
  type WorkloadIdentityOptions,
} from './workload-identity.ts';
