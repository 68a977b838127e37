import { join } from 'node:path';
import { parseTrustDomain } from '@lateen/identity';
import { type Environment, setting, SettingsReader } from '@lateen/runtime';

/** Settings of mixer, from its environment alone. */
export interface MixerSettings {
  /** MIXER_ADDRESS: where Check and Report are served with mutual TLS. */
  readonly address: string;
  /** MIXER_PLAINTEXT_ADDRESS: where they are served in plain text too; loopback, empty for nowhere. */
  readonly plaintextAddress: string;
  /** MIXER_PROMETHEUS_ADDRESS: metrics of the Prometheus adapter, `/metrics`. */
  readonly prometheusAddress: string;
  /** MIXER_MONITORING_ADDRESS: `/healthz/ready` and mixer's own `/metrics`. */
  readonly monitoringAddress: string;
  /** GALLEY_MCP_ADDRESS: where the configuration comes from. */
  readonly galleyMcpAddress: string;
  /** CITADEL_ADDRESS: where the certificate comes from. */
  readonly citadelAddress: string;
  /** JOIN_TOKEN_FILE */
  readonly joinTokenFile: string;
  /** LATEEN_STATE_DIR: folder shared by the components of one machine. */
  readonly stateDir: string;
  /** TRUST_DOMAIN */
  readonly trustDomain: string;
  /** LATEEN_LOG_LEVEL */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const address = /^(\[[0-9a-f:]+\]|[^:]+):\d{1,5}$/;
const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):/;

/** Reads the settings. @throws LateenError LTN_SETTINGS_INVALID with every problem. */
export function readSettings(environment: Environment): Readonly<MixerSettings> {
  const reader = new SettingsReader(environment);
  const workspace = reader.optional('NX_WORKSPACE_ROOT', setting.text, '');
  const stateDir = reader.optional('LATEEN_STATE_DIR', setting.text, join(workspace, '.lateen'));
  const settings: MixerSettings = {
    address: reader.optional('MIXER_ADDRESS', setting.text, '127.0.0.1:9091'),
    plaintextAddress: reader.optional('MIXER_PLAINTEXT_ADDRESS', setting.text, ''),
    prometheusAddress: reader.optional('MIXER_PROMETHEUS_ADDRESS', setting.text, '127.0.0.1:42422'),
    monitoringAddress: reader.optional('MIXER_MONITORING_ADDRESS', setting.text, '127.0.0.1:15015'),
    galleyMcpAddress: reader.optional('GALLEY_MCP_ADDRESS', setting.text, '127.0.0.1:9901'),
    citadelAddress: reader.optional('CITADEL_ADDRESS', setting.text, '127.0.0.1:8060'),
    joinTokenFile: reader.optional('JOIN_TOKEN_FILE', setting.text, join(stateDir, 'tokens', 'mixer')),
    stateDir,
    trustDomain: reader.optional('TRUST_DOMAIN', parseTrustDomain, 'cluster.local'),
    logLevel: reader.optional('LATEEN_LOG_LEVEL', setting.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  };
  for (const [name, value] of [
    ['MIXER_ADDRESS', settings.address],
    ['MIXER_PLAINTEXT_ADDRESS', settings.plaintextAddress],
    ['MIXER_PROMETHEUS_ADDRESS', settings.prometheusAddress],
    ['MIXER_MONITORING_ADDRESS', settings.monitoringAddress],
    ['GALLEY_MCP_ADDRESS', settings.galleyMcpAddress],
    ['CITADEL_ADDRESS', settings.citadelAddress],
  ] as const) {
    const optional = name === 'MIXER_PLAINTEXT_ADDRESS' && value === '';
    if (!optional && !address.test(value)) reader.problem(`${name}: expected HOST:PORT, found "${value}"`);
  }
  if (settings.plaintextAddress && !loopback.test(settings.plaintextAddress)) {
    reader.problem('MIXER_PLAINTEXT_ADDRESS: plain text is for loopback alone');
  }
  return reader.finish(settings);
}
