import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentId, formatWorkloadId } from '@lateen/identity';
import {
  channelCredentials,
  createRpcServer,
  insecureServer,
  methods,
  RpcClient,
  RpcServices,
  relayStreams,
} from '@lateen/rpc';
import {
  type Clock,
  type Component,
  composeComponents,
  LateenError,
  type Logger,
  type Random,
} from '@lateen/runtime';
import { createXdsServer, type XdsServerEvent } from '@lateen/xds';
import { type BootstrapJson, createBootstrap } from './bootstrap.ts';
import type { ProxyNode } from './node-metadata.ts';
import { createSecretSource } from './secrets.ts';
import { createStatusServer, isProxyReady } from './status-server.ts';
import { createWorkloadIdentity, type WorkloadIdentity } from './workload-identity.ts';

/** What sits beside one workload. */
export interface AgentSettings {
  /** `HOST:PORT` of citadel. */
  readonly citadelAddress: string;
  /** `HOST:PORT` of pilot's ADS. */
  readonly pilotAddress: string;
  readonly trustDomain: string;
  readonly node: ProxyNode;
  /** A join token for the node's service account that is valid now. */
  readonly joinToken: () => Promise<string>;
  /** The agent's own folder for its sockets and the bootstrap file; only its owner may enter. Short: sockets are in it. */
  readonly folder: string;
  /** Port of the proxy's admin endpoints on 127.0.0.1. */
  readonly adminPort: number;
  /** Port of `/healthz/ready` on 127.0.0.1; 0 for any. */
  readonly statusPort: number;
  readonly delivery?: 'sotw' | 'delta';
  /** Life of a certificate to ask for, milliseconds; citadel's default when absent. */
  readonly certificateTtlMs?: number;
  /** How long `start` waits for the first certificate. Milliseconds, 30 s when absent. */
  readonly startTimeoutMs?: number;
}

/** What an agent takes from its surroundings. */
export interface AgentPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A running agent. */
export interface Agent extends Component {
  readonly workload: WorkloadIdentity;
  /** What the bootstrap file holds. */
  readonly bootstrap: BootstrapJson;
  /** Path of the bootstrap file, written by `start`. */
  readonly bootstrapFile: string;
  readonly sdsSocket: string;
  readonly adsSocket: string;
  /** Bound port of `/healthz/ready`, after `start`. */
  readonly statusPort: number;
}

/** Linux' limit of a unix socket's path (sun_path without its final zero), bytes. */
const maxSocketPath = 107;

function prepareFolder(folder: string, sockets: readonly string[]): void {
  const tooLong = sockets.find((path) => Buffer.byteLength(path) > maxSocketPath);
  if (tooLong) {
    const message = `the agent's socket path is longer than ${maxSocketPath} bytes, choose a shorter folder: ${tooLong}`;
    throw new LateenError(message, { code: 'LTN_AGENT_SOCKET_PATH', origin: 'config' });
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The sockets hand out the private key to whoever can open them.
  chmodSync(folder, 0o700);
  for (const path of sockets) rmSync(path, { force: true });
}

function writeBootstrap(path: string, bootstrap: BootstrapJson): void {
  const draft = `${path}.draft`;
  writeFileSync(draft, `${JSON.stringify(bootstrap, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

/**
 * Agent of a workload: keeps its certificate, serves it by SDS on a unix socket, relays ADS between the proxy and pilot
 * over mutual TLS, writes the proxy's bootstrap and answers readiness. `start` resolves with the first certificate;
 * then a proxy can be started on `bootstrapFile`.
 */
export function createAgent(settings: AgentSettings, ports: AgentPorts): Agent {
  const { clock, random, logger } = ports;
  const { node, trustDomain } = settings;
  const sdsSocket = join(settings.folder, 'sds.sock');
  const adsSocket = join(settings.folder, 'ads.sock');
  const bootstrapFile = join(settings.folder, 'bootstrap.json');
  const { adminPort, delivery = 'delta' } = settings;
  const bootstrap = createBootstrap({ node, sdsSocket, adsSocket, adminPort, delivery });
  const workload = createWorkloadIdentity({
    citadelAddress: settings.citadelAddress,
    joinToken: settings.joinToken,
    principal: formatWorkloadId({
      trustDomain,
      namespace: node.namespace,
      serviceAccount: node.serviceAccount,
    }),
    trustDomain,
    clock,
    random,
    logger,
    ttlMs: settings.certificateTtlMs,
    startTimeoutMs: settings.startTimeoutMs ?? 30_000,
  });

  const status = createStatusServer({
    port: settings.statusPort,
    async complaint() {
      if (workload.identity.current === undefined) return 'no certificate yet';
      if (clock.now() >= workload.notAfterMs) return 'the certificate has expired';
      return (await isProxyReady(adminPort)) ? undefined : 'the proxy is not ready';
    },
  });

  const files: Component = {
    name: 'agent files',
    async start() {
      prepareFolder(settings.folder, [sdsSocket, adsSocket]);
      writeBootstrap(bootstrapFile, bootstrap);
    },
    async stop() {},
  };
  const whole = composeComponents('agent', [
    files,
    createSds(sdsSocket, workload, ports),
    createAdsRelay(adsSocket, workload, settings, logger),
    status,
    workload,
  ]);
  return {
    name: 'agent',
    workload,
    bootstrap,
    bootstrapFile,
    sdsSocket,
    adsSocket,
    get statusPort() {
      return status.port;
    },
    start: whole.start,
    stop: whole.stop,
  };
}

/** Open streams are ended by their servers at a stop; this is for the transport to say so. Milliseconds. */
const drainTimeoutMs = 200;

function createSds(socket: string, workload: WorkloadIdentity, ports: AgentPorts): Component {
  const source = createSecretSource(workload.identity, ports);
  const services = new RpcServices(ports.logger);
  const onEvent = (connection: string, event: XdsServerEvent): void => {
    if (event.kind === 'nacked') ports.logger.warn({ connection, event }, 'the proxy rejected a secret');
  };
  const xds = createXdsServer({ source, clock: ports.clock, logger: ports.logger, onEvent });
  xds.addSds(services);
  const server = createRpcServer({
    name: 'agent SDS',
    address: `unix:${socket}`,
    credentials: insecureServer(),
    services,
    drainTimeoutMs,
  });
  return {
    name: server.name,
    start: () => server.start(),
    async stop() {
      source.close();
      xds.close();
      await server.stop();
    },
  };
}

function createAdsRelay(
  socket: string,
  workload: WorkloadIdentity,
  settings: AgentSettings,
  logger: Logger,
): Component {
  const credentials = channelCredentials(workload.identity, {
    serverPrincipals: [componentId('pilot', settings.trustDomain)],
  });
  const pilot = new RpcClient(settings.pilotAddress, credentials);
  const services = new RpcServices(logger);
  const relay = relayStreams(
    services,
    [methods.streamAggregatedResources, methods.deltaAggregatedResources],
    pilot,
  );
  const server = createRpcServer({
    name: 'agent ADS relay',
    address: `unix:${socket}`,
    credentials: insecureServer(),
    services,
    drainTimeoutMs,
  });
  return {
    name: server.name,
    start: () => server.start(),
    async stop() {
      relay.close();
      await server.stop();
      pilot.close();
    },
  };
}
