import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { InboundPort } from '@lateen/agent';
import { type Environment, Secret, setting, type SettingParser, SettingsReader } from '@lateen/runtime';

/** Settings of a sidecar, from its environment alone. */
export interface SidecarSettings {
  /** CITADEL_ADDRESS: `HOST:PORT`. */
  readonly citadelAddress: string;
  /** DISCOVERY_ADDRESS: `HOST:PORT` of pilot's ADS. */
  readonly pilotAddress: string;
  /** TRUST_DOMAIN */
  readonly trustDomain: string;
  /** JOIN_TOKEN, or JOIN_TOKEN_FILE that is read whenever a token is needed. */
  readonly joinToken: { readonly token: Secret } | { readonly file: string };
  /** Folder of the agent's sockets and bootstrap, below LATEEN_STATE_DIR. Absolute. */
  readonly folder: string;
  /** POD_NAME */
  readonly name: string;
  /** POD_NAMESPACE */
  readonly namespace: string;
  /** SERVICE_ACCOUNT */
  readonly serviceAccount: string;
  /** WORKLOAD_NAME */
  readonly workloadName: string;
  /** WORKLOAD_LABELS: a JSON object. */
  readonly labels: Readonly<Record<string, string>>;
  /** INSTANCE_IP */
  readonly instanceIp: string;
  /** LATEEN_INBOUND: JSON list of `{port, appPort, name}`. */
  readonly inbound: readonly InboundPort[];
  /** LATEEN_OUTBOUND: JSON object from `PORT` or `HOST:PORT` to a loopback port. */
  readonly outbound: Readonly<Record<string, number>>;
  /** HTTP_PROXY_PORT */
  readonly httpProxyPort: number | undefined;
  /** LATEEN_PROXY_CREDENTIALS: htpasswd file. */
  readonly proxyCredentials: string | undefined;
  /** PROXY_ADMIN_PORT */
  readonly adminPort: number;
  /** PROXY_BINARY: a proxy that is run on the agent's bootstrap instead of ours, as stock Envoy. */
  readonly proxyBinary: string | undefined;
  /** STATUS_PORT: `/healthz/ready`; 0 for any. */
  readonly statusPort: number;
  /** XDS_DELIVERY */
  readonly delivery: 'sotw' | 'delta';
  /** TERMINATION_DRAIN_DURATION_SECONDS: longest wait for connections at a stop. Milliseconds. */
  readonly stopDrainMs: number;
  /** LATEEN_LOG_LEVEL */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** JSON of one shape; `accepts` checks every entry. */
function json<T>(expected: string, accepts: (value: unknown) => value is T): SettingParser<T> {
  return (text) => {
    try {
      const value: unknown = JSON.parse(text);
      return accepts(value) ? { value } : { complaint: `expected ${expected}` };
    } catch {
      return { complaint: `expected ${expected} as JSON` };
    }
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;

const labels = json('an object of texts', (value): value is Record<string, string> => {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
});
const outbound = json(
  'an object from PORT or HOST:PORT to a port',
  (value): value is Record<string, number> => {
    return isRecord(value) && Object.values(value).every(isPort);
  },
);
const inbound = json('a list of {port, appPort, name}', (value): value is InboundPort[] => {
  const fits = (one: unknown): boolean => {
    return isRecord(one) && isPort(one.port) && isPort(one.appPort) && typeof one.name === 'string';
  };
  return Array.isArray(value) && value.every(fits);
});

const address: SettingParser<string> = (text) =>
  /^(\[[0-9a-fA-F:]+\]|[^:]+):\d{1,5}$/.test(text)
    ? { value: text }
    : { complaint: `expected HOST:PORT, found "${text}"` };

/** The longest name of a socket in the folder, and the kernel's limit of its path. */
const socketNameLength = '/sds.sock'.length;
const maxSocketPath = 107;

/** The agent's folder below the state folder; a short one in the system's when sockets would not fit there. */
export function agentFolder(stateDir: string, name: string): string {
  const folder = join(stateDir, name);
  if (Buffer.byteLength(folder) + socketNameLength <= maxSocketPath) return folder;
  return join(tmpdir(), `lateen-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`);
}

/** Reads a sidecar's settings. @throws LateenError LTN_SETTINGS_INVALID with every problem */
export function readSidecarSettings(environment: Environment): Readonly<SidecarSettings> {
  const reader = new SettingsReader(environment);
  const workspace = reader.optional('NX_WORKSPACE_ROOT', setting.text, '');
  const stateDir = resolve(
    reader.optional('LATEEN_STATE_DIR', setting.text, join(workspace, '.lateen', 'proxy')),
  );
  const token = reader.optional('JOIN_TOKEN', setting.secret, undefined);
  const file = reader.optional('JOIN_TOKEN_FILE', setting.text, undefined);
  if (!token && !file)
    reader.problem('JOIN_TOKEN_FILE is not set: a sidecar proves itself to citadel by a join token');
  const name = reader.required('POD_NAME', setting.text, 'name of the workload instance');
  return reader.finish({
    citadelAddress: reader.optional('CITADEL_ADDRESS', address, '127.0.0.1:8060'),
    pilotAddress: reader.optional('DISCOVERY_ADDRESS', address, '127.0.0.1:15012'),
    trustDomain: reader.optional('TRUST_DOMAIN', setting.text, 'cluster.local'),
    joinToken: token ? { token } : { file: file ?? '' },
    folder: agentFolder(stateDir, 'agent'),
    name,
    namespace: reader.optional('POD_NAMESPACE', setting.text, 'default'),
    serviceAccount: reader.optional('SERVICE_ACCOUNT', setting.text, 'default'),
    workloadName: reader.optional('WORKLOAD_NAME', setting.text, name),
    labels: reader.optional('WORKLOAD_LABELS', labels, {}),
    instanceIp: reader.optional('INSTANCE_IP', setting.text, '127.0.0.1'),
    inbound: reader.optional('LATEEN_INBOUND', inbound, []),
    outbound: reader.optional('LATEEN_OUTBOUND', outbound, {}),
    httpProxyPort: reader.optional('HTTP_PROXY_PORT', setting.port, undefined),
    proxyCredentials: reader.optional('LATEEN_PROXY_CREDENTIALS', setting.text, undefined),
    adminPort: reader.optional('PROXY_ADMIN_PORT', setting.port, 15_000),
    proxyBinary: reader.optional('PROXY_BINARY', setting.text, undefined),
    statusPort: reader.optional('STATUS_PORT', setting.port, 0),
    delivery: reader.optional('XDS_DELIVERY', setting.oneOf('sotw', 'delta'), 'delta'),
    stopDrainMs: reader.optional('TERMINATION_DRAIN_DURATION_SECONDS', setting.integer(0, 3600), 5) * 1000,
    logLevel: reader.optional('LATEEN_LOG_LEVEL', setting.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  });
}
