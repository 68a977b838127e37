import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { componentAccounts, rootNamespace } from '@lateen/identity';
import { type Environment, setting, type SettingParser, SettingsReader } from '@lateen/runtime';

/** Settings of an ingress gateway, from its environment alone. */
export interface GatewaySettings {
  /** CITADEL_ADDRESS: `HOST:PORT`. */
  readonly citadelAddress: string;
  /** DISCOVERY_ADDRESS: `HOST:PORT` of pilot's ADS. */
  readonly pilotAddress: string;
  /** TRUST_DOMAIN */
  readonly trustDomain: string;
  /** JOIN_TOKEN_FILE: kept fresh by citadel or the deployment. */
  readonly joinTokenFile: string;
  /** Folder of the agent's sockets and bootstrap, below LATEEN_STATE_DIR. Absolute. */
  readonly folder: string;
  /** POD_NAME */
  readonly name: string;
  /** POD_NAMESPACE */
  readonly namespace: string;
  /** SERVICE_ACCOUNT */
  readonly serviceAccount: string;
  /** WORKLOAD_LABELS: a JSON object; Gateways select by them. */
  readonly labels: Readonly<Record<string, string>>;
  /** INSTANCE_IP */
  readonly instanceIp: string;
  /** PROXY_ADMIN_PORT */
  readonly adminPort: number;
  /** STATUS_PORT: `/healthz/ready`; 0 for any. */
  readonly statusPort: number;
  /** XDS_DELIVERY */
  readonly delivery: 'sotw' | 'delta';
  /** TERMINATION_DRAIN_DURATION_SECONDS: longest wait for connections at a stop. Milliseconds. */
  readonly stopDrainMs: number;
  /** LATEEN_LOG_LEVEL */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const address: SettingParser<string> = (text) =>
  /^(\[[0-9a-fA-F:]+\]|[^:]+):\d{1,5}$/.test(text)
    ? { value: text }
    : { complaint: `expected HOST:PORT, found "${text}"` };

const labels: SettingParser<Readonly<Record<string, string>>> = (text) => {
  const complaint = 'expected a JSON object of texts';
  try {
    const value: unknown = JSON.parse(text);
    const fits =
      typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((one) => typeof one === 'string');
    return fits ? { value: value as Record<string, string> } : { complaint };
  } catch {
    return { complaint };
  }
};

/** The kernel's limit of a socket's path, less the longest name that the agent puts into its folder. */
const maxFolderLength = 107 - '/sds.sock'.length;

function agentFolder(stateDir: string): string {
  const folder = join(stateDir, 'ingress-gateway');
  if (Buffer.byteLength(folder) <= maxFolderLength) return folder;
  return join(tmpdir(), `lateen-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`);
}

/** Reads the settings. @throws LateenError LTN_SETTINGS_INVALID with every problem */
export function readSettings(environment: Environment): Readonly<GatewaySettings> {
  const reader = new SettingsReader(environment);
  const workspace = reader.optional('NX_WORKSPACE_ROOT', setting.text, '');
  const stateDir = resolve(reader.optional('LATEEN_STATE_DIR', setting.text, join(workspace, '.lateen')));
  return reader.finish({
    citadelAddress: reader.optional('CITADEL_ADDRESS', address, '127.0.0.1:8060'),
    pilotAddress: reader.optional('DISCOVERY_ADDRESS', address, '127.0.0.1:15012'),
    trustDomain: reader.optional('TRUST_DOMAIN', setting.text, 'cluster.local'),
    joinTokenFile: resolve(
      reader.optional('JOIN_TOKEN_FILE', setting.text, join(stateDir, 'tokens', 'ingress-gateway')),
    ),
    folder: agentFolder(stateDir),
    name: reader.optional('POD_NAME', setting.text, 'istio-ingressgateway'),
    namespace: reader.optional('POD_NAMESPACE', setting.text, rootNamespace),
    serviceAccount: reader.optional('SERVICE_ACCOUNT', setting.text, componentAccounts['ingress-gateway']),
    labels: reader.optional('WORKLOAD_LABELS', labels, {
      app: 'istio-ingressgateway',
      istio: 'ingressgateway',
    }),
    instanceIp: reader.optional('INSTANCE_IP', setting.text, '127.0.0.1'),
    adminPort: reader.optional('PROXY_ADMIN_PORT', setting.port, 15_000),
    statusPort: reader.optional('STATUS_PORT', setting.port, 0),
    delivery: reader.optional('XDS_DELIVERY', setting.oneOf('sotw', 'delta'), 'delta'),
    stopDrainMs: reader.optional('TERMINATION_DRAIN_DURATION_SECONDS', setting.integer(0, 3600), 5) * 1000,
    logLevel: reader.optional('LATEEN_LOG_LEVEL', setting.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  });
}
