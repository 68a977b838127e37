import { join, resolve } from 'node:path';
import { parseTrustDomain } from '@lateen/identity';
import { type Environment, type Secret, setting, SettingsReader } from '@lateen/runtime';

/** A host and a port. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose, where it is listened on. */
  readonly port: number;
}

/** What `createPilot` is set to. */
export interface PilotSettings {
  /** PILOT_ADDRESS: ADS over gRPC with mutual TLS. */
  readonly address: Address;
  /** PILOT_PLAINTEXT_ADDRESS: ADS in plain text, without proof of who asks; loopback alone, for tools. */
  readonly plaintextAddress: Address | undefined;
  /** PILOT_DEBUG_ADDRESS: health, metrics, debug pages. */
  readonly debugAddress: Address;
  /** PILOT_DEBUG_HOSTS: names beside loopback's that clients call the debug server by. */
  readonly debugHosts: readonly string[];
  /** GALLEY_MCP_ADDRESS: `HOST:PORT` of the configuration's source. */
  readonly galleyAddress: string;
  /** MIXER_ADDRESS: where proxies reach mixer. */
  readonly mixerAddress: Address;
  /** LATEEN_STATE_DIR: the admin token. Absolute. */
  readonly stateDir: string;
  /** TRUST_DOMAIN */
  readonly trustDomain: string;
  /** DOMAIN_SUFFIX: DNS suffix of services. */
  readonly domainSuffix: string;
  /** PILOT_DEBOUNCE_AFTER: a push waits until changes have been quiet for this long. Milliseconds. */
  readonly debounceAfterMs: number;
  /** PILOT_DEBOUNCE_MAX: but never longer than this. Milliseconds. */
  readonly debounceMaxMs: number;
  /** PILOT_PUSH_STEP_TIMEOUT: how long a step of a push waits for a proxy that does not answer. Milliseconds. */
  readonly stepTimeoutMs: number;
}

/** Settings of the process: pilot's own, and how its ports are made. */
export interface ProcessSettings extends PilotSettings {
  /** NATS_URL: servers, comma-separated. */
  readonly natsServers: readonly string[];
  /** NATS_PASSWORD of the user `pilot`; the file that the local server makes holds it otherwise. */
  readonly natsPassword: Secret | undefined;
  /** NATS_PASSWORD_FILE: no password when it is absent too. */
  readonly natsPasswordFile: string;
  /** CITADEL_ADDRESS: where pilot's certificate comes from. */
  readonly citadelAddress: string;
  /** JOIN_TOKEN_FILE: the token that citadel wrote for pilot. */
  readonly joinTokenFile: string;
  /** LATEEN_LOG_LEVEL */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** `HOST:PORT`, IPv6 in brackets. */
function address(text: string): { value: Address } | { complaint: string } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) return { complaint: `expected HOST:PORT, found "${text}"` };
  return { value: { host: match[1]!.replace(/^\[|\]$/g, ''), port } };
}

function loopbackAddress(text: string): { value: Address } | { complaint: string } {
  const parsed = address(text);
  if ('complaint' in parsed || /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(parsed.value.host)) return parsed;
  return { complaint: `plain text is served on loopback alone, found "${text}"` };
}

/** `HOST:PORT` of an address, IPv6 in brackets. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Reads the settings. A relative state folder counts from the workspace's root when nx runs us, so that all components
 * meet in one. @throws LateenError LTN_SETTINGS_INVALID with every problem.
 */
export function readSettings(environment: Environment): Readonly<ProcessSettings> {
  const reader = new SettingsReader(environment);
  const local = (port: number): Address => ({ host: '127.0.0.1', port });
  const workspace = reader.optional('NX_WORKSPACE_ROOT', setting.text, '');
  const stateDir = resolve(reader.optional('LATEEN_STATE_DIR', setting.text, join(workspace, '.lateen')));
  const settings: ProcessSettings = {
    address: reader.optional('PILOT_ADDRESS', address, local(15_012)),
    plaintextAddress: reader.optional('PILOT_PLAINTEXT_ADDRESS', loopbackAddress, undefined),
    debugAddress: reader.optional('PILOT_DEBUG_ADDRESS', address, local(15_014)),
    debugHosts: reader.optional('PILOT_DEBUG_HOSTS', setting.list, []),
    galleyAddress: formatAddress(reader.optional('GALLEY_MCP_ADDRESS', address, local(9901))),
    mixerAddress: reader.optional('MIXER_ADDRESS', address, local(9091)),
    stateDir,
    trustDomain: reader.optional('TRUST_DOMAIN', parseTrustDomain, 'cluster.local'),
    domainSuffix: reader.optional('DOMAIN_SUFFIX', setting.text, 'cluster.local'),
    debounceAfterMs: reader.optional('PILOT_DEBOUNCE_AFTER', setting.durationMs, 100),
    debounceMaxMs: reader.optional('PILOT_DEBOUNCE_MAX', setting.durationMs, 10_000),
    stepTimeoutMs: reader.optional('PILOT_PUSH_STEP_TIMEOUT', setting.durationMs, 5000),
    natsServers: reader.optional('NATS_URL', setting.list, ['nats://127.0.0.1:14222']),
    natsPassword: reader.optional('NATS_PASSWORD', setting.secret, undefined),
    natsPasswordFile: reader.optional(
      'NATS_PASSWORD_FILE',
      setting.text,
      join(stateDir, 'nats', 'pilot.password'),
    ),
    citadelAddress: reader.optional('CITADEL_ADDRESS', setting.text, '127.0.0.1:8060'),
    joinTokenFile: reader.optional('JOIN_TOKEN_FILE', setting.text, join(stateDir, 'tokens', 'pilot')),
    logLevel: reader.optional('LATEEN_LOG_LEVEL', setting.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  };
  if (settings.debounceMaxMs < settings.debounceAfterMs) {
    reader.problem('PILOT_DEBOUNCE_MAX: shorter than PILOT_DEBOUNCE_AFTER');
  }
  return reader.finish(settings);
}
