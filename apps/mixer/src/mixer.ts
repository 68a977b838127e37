import { createWorkloadIdentity, joinTokenFile } from '@lateen/agent';
import { formatWorkloadId, rootNamespace } from '@lateen/identity';
import { createMcpSink } from '@lateen/mcp';
import { channelCredentials, RpcClient } from '@lateen/rpc';
import {
  type Clock,
  type Component,
  composeComponents,
  type Logger,
  MetricsRegistry,
  type Random,
} from '@lateen/runtime';
import type { LineStream } from './adapters/line-writer.ts';
import { createMixerCore } from './mixer-core.ts';
import { mixerCollections } from './runtime/rule-runtime.ts';
import type { MixerSettings } from './settings.ts';

/** What mixer takes from its surroundings. */
export interface MixerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where the stdio adapter writes. */
  readonly stdout: LineStream;
  readonly stderr: LineStream;
}

/** A running mixer. Ports are the bound ones, after `start`; 0 for one that isn't served. */
export interface Mixer extends Component {
  readonly port: number;
  readonly plaintextPort: number;
  readonly prometheusPort: number;
  readonly monitoringPort: number;
  /** Revision of the configuration in force; `undefined` before the first: until then no call is answered. */
  readonly revision: number | undefined;
}

const accounts = { mixer: 'istio-mixer-service-account', galley: 'istio-galley-service-account' } as const;

/**
 * Mixer with its identity and its configuration: certificate from citadel, then the servers, then the MCP sink.
 * `start` doesn't wait for galley; readiness does.
 */
export function createMixer(settings: MixerSettings, ports: MixerPorts): Mixer {
  const { clock, random, logger } = ports;
  const { trustDomain } = settings;
  const principalOf = (serviceAccount: string): string =>
    formatWorkloadId({ trustDomain, namespace: rootNamespace, serviceAccount });
  const identity = createWorkloadIdentity({
    citadelAddress: settings.citadelAddress,
    joinToken: joinTokenFile(settings.joinTokenFile, { clock, timeoutMs: 30_000 }),
    principal: principalOf(accounts.mixer),
    trustDomain,
    clock,
    random,
    logger,
  });
  const core = createMixerCore(
    { ...settings, rootNamespace },
    {
      ...ports,
      identity: identity.identity,
      metrics: new MetricsRegistry(),
    },
  );
  const channel = new RpcClient(
    settings.galleyMcpAddress,
    channelCredentials(identity.identity, { serverPrincipals: [principalOf(accounts.galley)] }),
  );
  const sink = createMcpSink({
    client: channel,
    collections: Object.values(mixerCollections),
    nodeId: 'mixer',
    onSnapshot: ({ revision, objects, changed }) => {
      core.apply(objects, changed);
      logger.debug({ revision }, 'a configuration is in force');
    },
    clock,
    random,
    logger,
  });
  const closeChannel: Component = {
    name: 'galley-channel',
    async start() {},
    async stop() {
      channel.close();
    },
  };
  const all = composeComponents('mixer', [identity, core, closeChannel, sink]);
  return {
    name: 'mixer',
    start: all.start,
    stop: all.stop,
    get port() {
      return core.port;
    },
    get plaintextPort() {
      return core.plaintextPort;
    },
    get prometheusPort() {
      return core.prometheusPort;
    },
    get monitoringPort() {
      return core.monitoringPort;
    },
    get revision() {
      return sink.revision.current;
    },
  };
}
