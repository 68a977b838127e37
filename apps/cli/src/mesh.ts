import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KubeClient } from '@lateen/kube';
import { sleep } from '@lateen/runtime';
import { type MeshFile, readAdminToken, removeMeshFile, writeMeshFile } from './mesh-file.ts';
import { claimPort, freePort, listens } from './ports.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';
import { type Supervised, supervise } from './supervisor.ts';

/** `embedded`: the control plane is one process. `distributed`: a process per component over nats-server. */
export type MeshForm = 'embedded' | 'distributed';

/** How to bring a mesh up. */
export interface MeshPlan {
  readonly form: MeshForm;
  readonly stateFolder: string;
  /** Port of the ingress gateway's HTTP server; 0 for any. */
  readonly gatewayPort: number;
  /** Port of ADS in plain text on loopback, for tools; none when absent, 0 for any. */
  readonly plaintextXdsPort: number | undefined;
  /** Fixed ports of the control plane as the components' own defaults, or any free ones. */
  readonly ports: 'default' | 'free';
  /** Takes what the processes print. */
  onLine(source: string, line: string): void;
  /** Takes a line of progress. */
  onProgress(text: string): void;
}

/** A mesh that is up. */
export interface Mesh {
  readonly file: MeshFile;
  readonly adminToken: string;
  readonly galley: KubeClient;
  readonly plaintextXds: string | undefined;
  /** Processes by name: `control-plane`, or `nats`, `citadel`, `galley`, `pilot`, `mixer`; and `ingress-gateway`. */
  readonly processes: ReadonlyMap<string, Supervised>;
  /** Stops everything and frees every port. Idempotent. */
  stop(): Promise<void>;
}

/** Listening addresses of the control plane, as the components' settings name them. */
interface Addresses {
  readonly CITADEL_ADDRESS: string;
  readonly CITADEL_ADMIN_ADDRESS: string;
  readonly GALLEY_API_ADDRESS: string;
  readonly GALLEY_MCP_ADDRESS: string;
  readonly PILOT_ADDRESS: string;
  readonly PILOT_DEBUG_ADDRESS: string;
  readonly MIXER_ADDRESS: string;
  readonly MIXER_MONITORING_ADDRESS: string;
  readonly MIXER_PROMETHEUS_ADDRESS: string;
}

/** What listens where by default, by the setting that moves it. */
const defaultPorts: Readonly<Record<keyof Addresses, { port: number; purpose: string }>> = {
  CITADEL_ADDRESS: { port: 8060, purpose: 'citadel' },
  CITADEL_ADMIN_ADDRESS: { port: 8061, purpose: 'citadel’s admin API' },
  GALLEY_API_ADDRESS: { port: 9876, purpose: 'galley’s API' },
  GALLEY_MCP_ADDRESS: { port: 9901, purpose: 'galley' },
  PILOT_ADDRESS: { port: 15_012, purpose: 'pilot' },
  PILOT_DEBUG_ADDRESS: { port: 15_014, purpose: 'pilot’s debug API' },
  MIXER_ADDRESS: { port: 9091, purpose: 'mixer' },
  MIXER_MONITORING_ADDRESS: { port: 15_015, purpose: 'mixer’s monitoring' },
  MIXER_PROMETHEUS_ADDRESS: { port: 42_422, purpose: 'mixer’s Prometheus adapter' },
};

const mainOf = (app: string): string =>
  fileURLToPath(import.meta.resolve(`@lateen/${app}`).replace(/index\.ts$/, 'main.ts'));
const cliMain = fileURLToPath(new URL('./main.ts', import.meta.url));
const natsServer = fileURLToPath(new URL('../../../tools/serve-nats.mjs', import.meta.url));

const readyTimeoutMs = 30_000;
/** A download may be part of it. */
const natsTimeoutMs = 180_000;
const stopTimeoutMs = 10_000;

/** Brings the control plane and the ingress gateway up. @throws CommandFailure that says what is in the way. */
export async function startMesh(plan: MeshPlan, surroundings: Surroundings): Promise<Mesh> {
  mkdirSync(plan.stateFolder, { recursive: true, mode: 0o700 });
  const processes = new Map<string, Supervised>();
  const start = async (
    name: string,
    command: { program?: string; args: readonly string[]; environment?: Readonly<Record<string, string>> },
    readyBy: 'message' | 'spawn' = 'message',
  ): Promise<Supervised> => {
    const supervised = await supervise(
      {
        name,
        command: command.program ?? surroundings.node,
        args: command.args,
        environment: {
          ...surroundings.environment,
          LATEEN_STATE_DIR: plan.stateFolder,
          ...command.environment,
        },
        readyBy,
        readyTimeoutMs,
        stopTimeoutMs,
        restart: true,
        onLine: (line) => plan.onLine(name, line),
      },
      surroundings,
    );
    processes.set(name, supervised);
    return supervised;
  };
  const stop = async (): Promise<void> => {
    // Last started, first stopped: proxies drain while the control plane still answers them.
    for (const [name, running] of [...processes].reverse()) {
      await running.stop();
      processes.delete(name);
    }
    removeMeshFile(plan.stateFolder);
  };
  try {
    const addresses = await claimAddresses(plan, surroundings);
    const gatewayPort = await claimPort(plan.gatewayPort, 'ingress gateway', '--gateway-port');
    const plaintext =
      plan.plaintextXdsPort === undefined
        ? undefined
        : await claimPort(plan.plaintextXdsPort, 'plain-text ADS', '--plaintext-xds');
    const environment: Record<string, string> = { ...addresses };
    if (plaintext !== undefined) environment.PILOT_PLAINTEXT_ADDRESS = `127.0.0.1:${plaintext}`;

    if (plan.form === 'embedded') {
      plan.onProgress('control plane (galley, pilot, citadel, mixer in one process, SQLite store)');
      await start('control-plane', { args: [cliMain, 'control-plane'], environment });
    } else {
      await startDistributed(plan, environment, { start, surroundings });
    }
    const adminToken = readAdminToken(plan.stateFolder);
    const file: MeshFile = {
      processId: surroundings.processId,
      galleyApi: `http://${addresses.GALLEY_API_ADDRESS}`,
      galleyMcp: addresses.GALLEY_MCP_ADDRESS,
      citadelAddress: addresses.CITADEL_ADDRESS,
      citadelAdmin: `http://${addresses.CITADEL_ADMIN_ADDRESS}`,
      pilotAddress: addresses.PILOT_ADDRESS,
      pilotDebug: `http://${addresses.PILOT_DEBUG_ADDRESS}`,
      mixerAddress: addresses.MIXER_ADDRESS,
      gateway: `http://127.0.0.1:${gatewayPort}`,
    };
    const galley = new KubeClient({
      baseUrl: file.galleyApi,
      token: adminToken,
      clock: surroundings.clock,
      random: surroundings.random,
    });
    plan.onProgress('ingress gateway');
    await galley.apply([{ file: 'ingress-gateway', documents: gatewayService(gatewayPort) }]);
    await start('ingress-gateway', {
      args: [mainOf('ingress-gateway')],
      environment: {
        ...environment,
        DISCOVERY_ADDRESS: addresses.PILOT_ADDRESS,
        JOIN_TOKEN_FILE: join(plan.stateFolder, 'tokens', 'ingress-gateway'),
        PROXY_ADMIN_PORT: String(await freePort()),
      },
    });
    writeMeshFile(plan.stateFolder, file);
    return {
      file,
      adminToken,
      galley,
      processes,
      plaintextXds: environment.PILOT_PLAINTEXT_ADDRESS,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function claimAddresses(plan: MeshPlan, surroundings: Surroundings): Promise<Addresses> {
  const entries = await Promise.all(
    Object.entries(defaultPorts).map(async ([name, { port, purpose }]) => {
      const chosen = surroundings.environment[name];
      if (chosen) return [name, chosen];
      const claimed =
        plan.ports === 'free'
          ? await freePort()
          : await claimPort(port, purpose, `--free-ports, or set ${name}=127.0.0.1:PORT`);
      return [name, `127.0.0.1:${claimed}`];
    }),
  );
  return Object.fromEntries(entries) as Addresses;
}

/** The gateway's Service: port 80 of a Gateway's server is this machine's unprivileged port. */
function gatewayService(port: number): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: istio-ingressgateway
  namespace: istio-system
  labels: { app: istio-ingressgateway, istio: ingressgateway }
spec:
  selector: { app: istio-ingressgateway, istio: ingressgateway }
  ports:
    - { name: http2, port: 80, targetPort: ${port} }
`;
}

type StartProcess = (
  name: string,
  command: { program?: string; args: readonly string[]; environment?: Readonly<Record<string, string>> },
  readyBy?: 'message' | 'spawn',
) => Promise<Supervised>;

async function startDistributed(
  plan: MeshPlan,
  environment: Readonly<Record<string, string>>,
  { start, surroundings }: { readonly start: StartProcess; readonly surroundings: Surroundings },
): Promise<void> {
  plan.onProgress('nats-server');
  const port = await freePort();
  await start('nats', { args: [natsServer], environment: { NATS_PORT: String(port) } }, 'spawn');
  // Its first start fetches the binary; components that came before it would find neither server nor password.
  const deadline = surroundings.clock.monotonic() + natsTimeoutMs;
  while (!(await listens(port))) {
    if (surroundings.clock.monotonic() > deadline)
      throw new CommandFailure('nats-server doesn’t listen; see what it printed with --verbose');
    await sleep(surroundings.clock, 50, surroundings.stopped);
  }
  const settings = { ...environment, GALLEY_STORE: 'nats', NATS_URL: `nats://127.0.0.1:${port}` };
  for (const component of ['citadel', 'galley', 'mixer', 'pilot'] as const) {
    plan.onProgress(component);
    await start(component, { args: [mainOf(component)], environment: settings });
  }
}
