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
import type { GatewaySettings } from './settings.ts';

/** What the gateway takes from its process. */
export interface GatewayPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends the process in an orderly way. */
  readonly quit: () => void;
}

/** A running gateway. */
export interface IngressGateway extends Component {
  readonly statusPort: number;
  readonly adminPort: number | undefined;
  /** Bound port of a listener by its name. */
  readonly port: DataPlane['port'];
}

const tokenTimeoutMs = 30_000;
/** How long connections of a listener or chain that is gone may go on. Milliseconds. */
const drainTimeMs = 45_000;

/** Composes the gateway: an agent in the router role, then the data plane on its bootstrap. */
export function createIngressGateway(settings: GatewaySettings, ports: GatewayPorts): IngressGateway {
  const { clock, random, logger, quit } = ports;
  const agent = createAgent(
    {
      citadelAddress: settings.citadelAddress,
      pilotAddress: settings.pilotAddress,
      trustDomain: settings.trustDomain,
      node: {
        role: 'router',
        name: settings.name,
        namespace: settings.namespace,
        serviceAccount: settings.serviceAccount,
        workloadName: settings.name,
        labels: settings.labels,
        instanceIps: [settings.instanceIp],
        features: ['mixer'],
      },
      joinToken: joinTokenFile(settings.joinTokenFile, { clock, timeoutMs: tokenTimeoutMs }),
      folder: settings.folder,
      adminPort: settings.adminPort,
      statusPort: settings.statusPort,
      delivery: settings.delivery,
    },
    { clock, random, logger },
  );
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
  const { start, stop } = composeComponents('ingress-gateway', [agent, dataPlane]);
  return {
    name: 'ingress-gateway',
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
