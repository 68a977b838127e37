import { join, resolve } from 'node:path';
import { parseTrustDomain } from '@lateen/identity';
import { type Environment, type Secret, setting, SettingsReader } from '@lateen/runtime';

/** A host and a port to listen on. */
export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** What `createGalley` is set to. */
export interface GalleySettings {
  /** GALLEY_MCP_ADDRESS: MCP over gRPC with mutual TLS. */
  readonly mcpAddress: ListenAddress;
  /** GALLEY_API_ADDRESS: the HTTP API. */
  readonly apiAddress: ListenAddress;
  /** GALLEY_API_HOSTS: names beside loopback's that clients call the API by. */
  readonly apiHosts: readonly string[];
  /** GALLEY_CONFIG_DIRS: directories to watch. */
  readonly configDirs: readonly string[];
  /** LATEEN_STATE_DIR: the store, the admin token. Absolute. */
  readonly stateDir: string;
  /** TRUST_DOMAIN */
  readonly trustDomain: string;
}

/** Settings of the process: galley's own, and how its ports are made. */
export interface ProcessSettings extends GalleySettings {
  /** GALLEY_STORE: `sqlite` in the state folder, or `nats` for several galleys with one sequence. */
  readonly store: 'sqlite' | 'nats';
  /** NATS_URL: servers, comma-separated. Empty: no bus beyond this process, which only the embedded store can do with. */
  readonly natsServers: readonly string[];
  /** NATS_PASSWORD of the user `galley`; the file that the local server makes holds it otherwise. */
  readonly natsPassword: Secret | undefined;
  /** NATS_PASSWORD_FILE */
  readonly natsPasswordFile: string;
  /** NATS_REPLICAS: copies of the journal; 3 in a cluster of three. */
  readonly natsReplicas: number;
  /** CITADEL_ADDRESS: where galley's certificate comes from. */
  readonly citadelAddress: string;
  /** JOIN_TOKEN_FILE: the token that citadel wrote for galley. */
  readonly joinTokenFile: string;
  /** LATEEN_LOG_LEVEL */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const defaultNatsServer = 'nats://127.0.0.1:14222';

/** `HOST:PORT`, IPv6 in brackets. */
function listenAddress(text: string): { value: ListenAddress } | { complaint: string } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) return { complaint: `expected HOST:PORT, found "${text}"` };
  return { value: { host: match[1]!.replace(/^\[|\]$/g, ''), port } };
}

/**
 * Reads the settings. A relative state folder counts from the workspace's root when nx runs us, so that all components
 * meet in one. @throws LateenError LTN_SETTINGS_INVALID with every problem.
 */
export function readSettings(environment: Environment): Readonly<ProcessSettings> {
  const reader = new SettingsReader(environment);
  const workspace = reader.optional('NX_WORKSPACE_ROOT', setting.text, '');
  const stateDir = resolve(reader.optional('LATEEN_STATE_DIR', setting.text, join(workspace, '.lateen')));
  const store = reader.optional('GALLEY_STORE', setting.oneOf('sqlite', 'nats'), 'sqlite');
  return reader.finish<ProcessSettings>({
    mcpAddress: reader.optional('GALLEY_MCP_ADDRESS', listenAddress, { host: '127.0.0.1', port: 9901 }),
    apiAddress: reader.optional('GALLEY_API_ADDRESS', listenAddress, { host: '127.0.0.1', port: 9876 }),
    apiHosts: reader.optional('GALLEY_API_HOSTS', setting.list, []),
    configDirs: reader.optional('GALLEY_CONFIG_DIRS', setting.list, []),
    stateDir,
    trustDomain: reader.optional('TRUST_DOMAIN', parseTrustDomain, 'cluster.local'),
    store,
    natsServers: reader.optional('NATS_URL', setting.list, store === 'nats' ? [defaultNatsServer] : []),
    natsPassword: reader.optional('NATS_PASSWORD', setting.secret, undefined),
    natsPasswordFile: reader.optional(
      'NATS_PASSWORD_FILE',
      setting.text,
      join(stateDir, 'nats', 'galley.password'),
    ),
    natsReplicas: reader.optional('NATS_REPLICAS', setting.integer(1, 5), 1),
    citadelAddress: reader.optional('CITADEL_ADDRESS', setting.text, '127.0.0.1:8060'),
    joinTokenFile: reader.optional('JOIN_TOKEN_FILE', setting.text, join(stateDir, 'tokens', 'galley')),
    logLevel: reader.optional('LATEEN_LOG_LEVEL', setting.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  });
}
