import { createAgent, joinTokenFile } from '@lateen/agent';
import { createDataPlane, type DataPlane, parseBootstrap } from '@lateen/data-plane';
import {
  type Clock,
  type Component,
  composeComponents,
  type Logger,
  MetricsRegistry,
  type Random,
} from '@lateen/runtime';
import { createProxyBinary } from './proxy-binary.ts';
import type { SidecarSettings } from './sidecar-settings.ts';

/** What a proxy takes from its process. */
export interface ProxyPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends the process in an orderly way. */
  readonly quit: () => void;
}

/** A running sidecar. */
export interface Sidecar extends Component {
  readonly statusPort: number;
  readonly adminPort: number | undefined;
  /** Bound port of a listener by its name; unknown of a proxy binary. */
  readonly port: DataPlane['port'];
}

const tokenTimeoutMs = 30_000;
/** How long connections of a listener or chain that is gone may go on. Milliseconds. */
const drainTimeMs = 45_000;

/**
 * Composes a sidecar: the agent with its certificate first, then, on the agent's bootstrap, our data plane or the binary
 * that the settings name.
 */
export function createSidecar(settings: SidecarSettings, ports: ProxyPorts): Sidecar {
  const { clock, random, logger, quit } = ports;
  const { joinToken } = settings;
  const agent = createAgent(
    {
      citadelAddress: settings.citadelAddress,
      pilotAddress: settings.pilotAddress,
      trustDomain: settings.trustDomain,
      node: {
        role: 'sidecar',
        name: settings.name,
        namespace: settings.namespace,
        serviceAccount: settings.serviceAccount,
        workloadName: settings.workloadName,
        labels: settings.labels,
        instanceIps: [settings.instanceIp],
        inbound: settings.inbound,
        outbound: settings.outbound,
        // Stock Envoy announces nothing, so it is sent nothing that it doesn't know.
        ...(settings.proxyBinary === undefined ? { features: ['mixer'] } : {}),
        ...(settings.httpProxyPort === undefined ? {} : { httpProxyPort: settings.httpProxyPort }),
        ...(settings.proxyCredentials === undefined ? {} : { proxyCredentials: settings.proxyCredentials }),
      },
      joinToken:
        'token' in joinToken
          ? () => Promise.resolve(joinToken.token.reveal())
          : joinTokenFile(joinToken.file, { clock, timeoutMs: tokenTimeoutMs }),
      folder: settings.folder,
      adminPort: settings.adminPort,
      statusPort: settings.statusPort,
      delivery: settings.delivery,
    },
    { clock, random, logger },
  );
  if (settings.proxyBinary !== undefined) {
    const { adminPort } = settings;
    const engine = createProxyBinary({
      binary: settings.proxyBinary,
      bootstrapFile: agent.bootstrapFile,
      adminPort,
      stopDrainMs: settings.stopDrainMs,
      clock,
      logger,
      onEnd: quit,
    });
    const whole = composeComponents('proxy', [agent, engine]);
    return {
      name: 'proxy',
      start: whole.start,
      stop: whole.stop,
      get statusPort() {
        return agent.statusPort;
      },
      adminPort,
      port: () => undefined,
    };
  }
  const dataPlane = createDataPlane({
    bootstrap: parseBootstrap(JSON.stringify(agent.bootstrap)),
    clock,
    random,
    logger,
    metrics: new MetricsRegistry(),
    drainTimeMs,
    stopDrainMs: settings.stopDrainMs,
    onQuit: quit,
  });
  const { start, stop } = composeComponents('proxy', [agent, dataPlane]);
  return {
    name: 'proxy',
    start,
    stop,
    get statusPort() {
      return agent.statusPort;
    },
    get adminPort() {
      return dataPlane.adminPort;
    },
    port: (listener) => dataPlane.port(listener),
  };
}
