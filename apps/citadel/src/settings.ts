import { join, resolve } from 'node:path';
import { parseTrustDomain } from '@lateen/identity';
import { type Environment, setting, SettingsReader } from '@lateen/runtime';

/** Settings of citadel, from its environment alone. */
export interface CitadelSettings {
  /** CITADEL_ADDRESS: where CreateCertificate is served. */
  readonly address: string;
  /** CITADEL_ADMIN_ADDRESS: HTTP API, metrics and health; loopback. */
  readonly adminAddress: string;
  /** LATEEN_STATE_DIR: folder shared by the components of one machine. Absolute. */
  readonly stateDir: string;
  /** ROOT_CA_DIR: folder with ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem; used when it exists. */
  readonly rootCaDir: string;
  /** TRUST_DOMAIN */
  readonly trustDomain: string;
  /** DEFAULT_WORKLOAD_CERT_TTL, milliseconds. */
  readonly defaultWorkloadTtlMs: number;
  /** MAX_WORKLOAD_CERT_TTL, milliseconds. */
  readonly maxWorkloadTtlMs: number;
  /** LATEEN_LOG_LEVEL */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const day = 24 * 3_600_000;

/**
 * Reads the settings. A relative state folder counts from the workspace's root when nx runs us, so that all components
 * meet in one. @throws LateenError LTN_SETTINGS_INVALID with every problem.
 */
export function readSettings(environment: Environment): Readonly<CitadelSettings> {
  const reader = new SettingsReader(environment);
  const workspace = reader.optional('NX_WORKSPACE_ROOT', setting.text, '');
  const stateDir = resolve(reader.optional('LATEEN_STATE_DIR', setting.text, join(workspace, '.lateen')));
  const settings = {
    address: reader.optional('CITADEL_ADDRESS', setting.text, '127.0.0.1:8060'),
    adminAddress: reader.optional('CITADEL_ADMIN_ADDRESS', setting.text, '127.0.0.1:8061'),
    stateDir,
    rootCaDir: reader.optional('ROOT_CA_DIR', setting.text, join(stateDir, 'cacerts')),
    trustDomain: reader.optional('TRUST_DOMAIN', parseTrustDomain, 'cluster.local'),
    defaultWorkloadTtlMs: reader.optional('DEFAULT_WORKLOAD_CERT_TTL', setting.durationMs, day),
    maxWorkloadTtlMs: reader.optional('MAX_WORKLOAD_CERT_TTL', setting.durationMs, 90 * day),
    logLevel: reader.optional('LATEEN_LOG_LEVEL', setting.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  } as const;
  for (const [name, address] of [
    ['CITADEL_ADDRESS', settings.address],
    ['CITADEL_ADMIN_ADDRESS', settings.adminAddress],
  ]) {
    if (!/^(\[[0-9a-f:]+\]|[^:]+):\d{1,5}$/.test(address!))
      reader.problem(`${name}: expected HOST:PORT, found "${address}"`);
  }
  if (settings.defaultWorkloadTtlMs > settings.maxWorkloadTtlMs) {
    reader.problem('DEFAULT_WORKLOAD_CERT_TTL: longer than MAX_WORKLOAD_CERT_TTL');
  }
  return reader.finish(settings);
}
