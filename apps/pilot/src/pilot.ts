import type { Bus } from '@lateen/bus';
import { componentId } from '@lateen/identity';
import { createMcpSink, type McpSink } from '@lateen/mcp';
import {
  channelCredentials,
  createRpcServer,
  insecureServer,
  RpcClient,
  RpcServices,
  serverCredentials,
  type TlsIdentity,
} from '@lateen/rpc';
import {
  type Clock,
  type Component,
  composeComponents,
  type Logger,
  MetricsRegistry,
  type Random,
  WatchValue,
} from '@lateen/runtime';
import { createDebugServer } from './debug/debug-server.ts';
import { Discovery } from './discovery/discovery.ts';
import { createDiscoveryMetrics } from './discovery/metrics.ts';
import { RolloutPublisher } from './discovery/rollout.ts';
import type { RegisteredWorkloads } from './registry/workload-registry.ts';
import { formatAddress, type PilotSettings } from './settings.ts';
import { collections } from './snapshot/collections.ts';
import { MeshStates } from './snapshot/mesh-state.ts';

/** Pilot's surroundings. */
export interface PilotPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly bus: Bus;
  /** Certificate for ADS and for the call to galley, and the roots that both sides chain to. */
  readonly identity: WatchValue<TlsIdentity | undefined>;
  /** Channel to galley; pilot's own, with mutual TLS to `galleyAddress`, when absent. Not closed by pilot. */
  readonly galley?: RpcClient;
  /** Workloads that register themselves, joined with the configuration's; none when absent. */
  readonly workloads?: WatchValue<RegisteredWorkloads>;
  readonly metrics?: MetricsRegistry;
}

/** A pilot. Ports are the bound ones after `start`. */
export interface Pilot extends Component {
  readonly port: number;
  /** 0 without PILOT_PLAINTEXT_ADDRESS. */
  readonly plaintextPort: number;
  readonly debugPort: number;
  /** Newest revision that proxies are offered; 0 before the first. */
  readonly revision: number;
}

/**
 * Pilot: configuration from galley by MCP, joined with the registry, compiled for each connected proxy, delivered by
 * ADS. `start` resolves when it listens; it doesn't wait for galley, and a galley that goes away leaves the last
 * configuration in force. Proxies that come before there is one wait.
 */
export function createPilot(settings: PilotSettings, ports: PilotPorts): Pilot {
  const { clock, random, logger, bus, identity } = ports;
  const registry = ports.metrics ?? new MetricsRegistry();
  const metrics = createDiscoveryMetrics(registry);
  const states = new MeshStates({
    model: { domainSuffix: settings.domainSuffix, mixerAddress: endpointOf(settings) },
    workloads: ports.workloads ?? new WatchValue<RegisteredWorkloads>(new Map()),
    debounceAfterMs: settings.debounceAfterMs,
    debounceMaxMs: settings.debounceMaxMs,
    clock,
    logger,
  });
  const pilotId = `pilot-${Math.floor(random() * 2 ** 48).toString(36)}`;
  const rollout: RolloutPublisher = new RolloutPublisher({ bus, clock, pilot: pilotId }, () => discovery);
  const discovery = new Discovery({
    states: states.current,
    trustDomain: settings.trustDomain,
    stepTimeoutMs: settings.stepTimeoutMs,
    metrics,
    clock,
    logger,
    onChange: () => rollout.changed(),
  });

  const services = new RpcServices(logger);
  discovery.secure.addAds(services);
  const server = createRpcServer({
    name: 'pilot',
    address: formatAddress(settings.address),
    credentials: serverCredentials(identity, { clientCertificate: 'required' }),
    services,
  });
  const plaintext =
    settings.plaintextAddress && createPlaintextServer(discovery, settings.plaintextAddress, logger);
  const debug = createDebugServer({
    address: settings.debugAddress,
    hosts: settings.debugHosts,
    stateDir: settings.stateDir,
    discovery,
    states: states.current,
    metrics: registry,
  });
  const source = createConfigSource(settings, {
    ...ports,
    nodeId: pilotId,
    take: (snapshot) => {
      metrics.updates.inc();
      states.take(snapshot);
    },
  });
  // Stops first, so that what stops after it is not told of again.
  const delivery: Component = {
    name: 'discovery',
    async start() {},
    async stop() {
      states.stop();
      discovery.stop();
    },
  };
  const parts = [rollout, server, ...(plaintext ? [plaintext] : []), debug, source, delivery];
  return {
    ...composeComponents('pilot', parts),
    get port() {
      return server.port;
    },
    get plaintextPort() {
      return plaintext?.port ?? 0;
    },
    get debugPort() {
      return debug.port;
    },
    get revision() {
      return discovery.revision;
    },
  };
}

function endpointOf({ mixerAddress }: PilotSettings): { address: string; port: number } {
  return { address: mixerAddress.host, port: mixerAddress.port };
}

function createPlaintextServer(
  discovery: Discovery,
  address: NonNullable<PilotSettings['plaintextAddress']>,
  logger: Logger,
): Component & { readonly port: number } {
  const services = new RpcServices(logger);
  discovery.plaintext.addAds(services);
  return createRpcServer({
    name: 'pilot (plain text)',
    address: formatAddress(address),
    credentials: insecureServer(),
    services,
  });
}

/** The MCP sink on its channel. */
function createConfigSource(
  settings: PilotSettings,
  options: PilotPorts & { nodeId: string; take: Parameters<typeof createMcpSink>[0]['onSnapshot'] },
): Component {
  let own: RpcClient | undefined;
  let sink: McpSink | undefined;
  return {
    name: 'configuration source',
    async start() {
      const serverPrincipals = [componentId('galley', settings.trustDomain)];
      const client =
        options.galley ??
        (own = new RpcClient(
          settings.galleyAddress,
          channelCredentials(options.identity, { serverPrincipals }),
        ));
      const { clock, random, logger, nodeId } = options;
      sink = createMcpSink({ client, collections, nodeId, onSnapshot: options.take, clock, random, logger });
      await sink.start();
    },
    async stop() {
      await sink?.stop();
      own?.close();
    },
  };
}
