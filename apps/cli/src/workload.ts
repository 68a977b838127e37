import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeClient, ResourceType } from '@lateen/kube';
import { messageOf, Secret, sleep, type Timer } from '@lateen/runtime';
import { joinTokenTtlSeconds, requestJoinToken } from './join-token.ts';
import type { MeshFile } from './mesh-file.ts';
import { freePort, listens } from './ports.ts';
import { outboundPorts } from './outbound-ports.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';
import { type Supervised, supervise } from './supervisor.ts';

/** A port of the app: the name is the Service port's, which also tells the protocol (`http`, `tcp-db`, …). */
export interface WorkloadPort {
  readonly name: string;
  /** Port that the mesh sees; one is allotted when absent. */
  readonly meshPort?: number;
}

/** An app to run with a sidecar beside it. */
export interface WorkloadPlan {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly WorkloadPort[];
  readonly command: readonly string[];
  readonly workingFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Services' TCP ports to open on loopback, `HOST:PORT` or `PORT`, with the local port wanted. */
  readonly outbound: ReadonlyMap<string, number>;
  /** Is the app started again when it ends by itself? */
  readonly restart: boolean;
  /** A proxy that is run as the sidecar instead of Lateen's own, as stock Envoy. Absolute path. */
  readonly proxyBinary?: string;
}

/** What running a workload needs of the mesh. */
export interface WorkloadMesh {
  readonly file: MeshFile;
  readonly stateFolder: string;
  readonly galley: KubeClient;
  readonly adminToken: string;
  readonly surroundings: Surroundings;
  /** Takes what the app and the sidecar print. */
  onLine(source: string, line: string): void;
}

/** Ports of one workload, as the user is shown them. */
export interface WorkloadPorts {
  /** By name: where the mesh reaches the workload and where its app listens. */
  readonly inbound: readonly { name: string; meshPort: number; appPort: number }[];
  readonly httpProxy: number;
  readonly admin: number;
  /** By `HOST:PORT`: where the app reaches a TCP service. */
  readonly outbound: ReadonlyMap<string, number>;
}

/** A running app with its sidecar. */
export interface Workload {
  readonly plan: WorkloadPlan;
  readonly ports: WorkloadPorts;
  readonly entryName: string;
  /** URL of the sidecar's HTTP proxy with the credential that the app alone has. */
  readonly proxyUrl: Secret;
  readonly app: Supervised;
  readonly sidecar: Supervised;
  /**
   * Takes the workload out without a failed request: its endpoint leaves the mesh, every proxy has heard of it, the
   * sidecar drains, the app ends. Answers the app's exit code. Idempotent.
   */
  stop(): Promise<number>;
}

const workloadEntries: ResourceType = {
  apiVersion: 'networking.istio.io/v1',
  plural: 'workloadentries',
  namespaced: true,
};
const readyTimeoutMs = 30_000;
const preload = new URL('./preload.mjs', import.meta.url);
const proxyMain = fileURLToPath(import.meta.resolve('@lateen/proxy').replace(/index\.ts$/, 'main.ts'));

/** Runs an app in the mesh: sidecar first, then the app, then its endpoint. @throws CommandFailure when one fails. */
export async function runWorkload(plan: WorkloadPlan, mesh: WorkloadMesh): Promise<Workload> {
  const { surroundings } = mesh;
  const entryName = `${plan.name}-${randomBytes(3).toString('hex')}`;
  const folder = join(mesh.stateFolder, 'workloads', entryName);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const inbound = await Promise.all(
    plan.ports.map(async (port) => ({
      name: port.name,
      meshPort: port.meshPort ?? (await freePort()),
      appPort: await freePort(),
    })),
  );
  const ports: WorkloadPorts = {
    inbound,
    httpProxy: await freePort(),
    admin: await freePort(),
    outbound: await outboundPorts(plan, mesh.galley),
  };
  const credential = randomBytes(18).toString('base64url');
  const proxyUrl = new Secret(`http://app:${credential}@127.0.0.1:${ports.httpProxy}`);
  const credentialsFile = join(folder, 'proxy-credentials');
  const hash = createHash('sha1').update(credential).digest('base64');
  writeFileSync(credentialsFile, `app:{SHA}${hash}\n`, { mode: 0o600 });
  const tokenFile = join(folder, 'join-token');
  const refreshToken = async (): Promise<void> =>
    writeFileSync(tokenFile, await requestJoinToken(mesh.file, mesh.adminToken, plan), { mode: 0o600 });
  await refreshToken();
  // A sidecar that is started again proves itself anew: the token on disk is kept young.
  let refresh: Timer;
  const keepTokenYoung = (): void => {
    refresh = surroundings.clock.after(joinTokenTtlSeconds * 500, () => {
      refreshToken().catch((error: unknown) =>
        mesh.onLine(plan.name, `its join token was not renewed: ${messageOf(error)}`),
      );
      keepTokenYoung();
    });
  };
  keepTokenYoung();

  let sidecar: Supervised | undefined;
  let app: Supervised | undefined;
  let registered = false;
  const cleanUp = async (): Promise<void> => {
    refresh.cancel();
    if (registered) await unregister(plan, entryName, mesh);
    await sidecar?.stop();
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    sidecar = await supervise(
      {
        name: `sidecar of ${plan.name}`,
        command: surroundings.node,
        args: [proxyMain],
        environment: sidecarEnvironment(plan, mesh, { entryName, folder, ports, credentialsFile, tokenFile }),
        readyBy: 'message',
        readyTimeoutMs,
        stopTimeoutMs: 15_000,
        restart: true,
        onLine: (line) => mesh.onLine(`${plan.name}/sidecar`, line),
      },
      surroundings,
    );
    const [program = '', ...args] = plan.command;
    app = await supervise(
      {
        name: plan.name,
        command: program === 'node' ? surroundings.node : program,
        args,
        environment: appEnvironment(plan, surroundings, ports, proxyUrl),
        workingFolder: plan.workingFolder,
        readyBy: 'spawn',
        readyTimeoutMs,
        stopTimeoutMs: 10_000,
        restart: plan.restart,
        onLine: (line) => mesh.onLine(plan.name, line),
      },
      surroundings,
    );
    await Promise.all(
      inbound.map((port) => untilListening(port.appPort, plan, app as Supervised, surroundings)),
    );
    await mesh.galley.apply([
      { file: plan.name, documents: JSON.stringify(workloadEntry(plan, entryName, inbound)) },
    ]);
    registered = true;
  } catch (error) {
    await cleanUp();
    throw error;
  }
  let stopped: Promise<number> | undefined;
  const running = { app, sidecar };
  return {
    plan,
    ports,
    entryName,
    proxyUrl,
    ...running,
    stop() {
      stopped ??= cleanUp().then(() => running.app.ended);
      return stopped;
    },
  };
}

/** The endpoint leaves the mesh; waits, bounded, until every proxy knows. A galley that is down can't hold a stop up. */
async function unregister(plan: WorkloadPlan, entryName: string, mesh: WorkloadMesh): Promise<void> {
  try {
    const revision = await mesh.galley.delete(workloadEntries, plan.namespace, entryName);
    if (revision !== undefined) await mesh.galley.rollout(revision, 10_000);
  } catch (error) {
    mesh.onLine(
      plan.name,
      `its WorkloadEntry ${plan.namespace}/${entryName} is still registered: ${String(error)}`,
    );
  }
}

function workloadEntry(
  plan: WorkloadPlan,
  entryName: string,
  inbound: WorkloadPorts['inbound'],
): Record<string, unknown> {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: {
      name: entryName,
      namespace: plan.namespace,
      labels: { ...plan.labels, 'security.istio.io/tlsMode': 'istio' },
    },
    spec: {
      address: '127.0.0.1',
      ports: Object.fromEntries(inbound.map((port) => [port.name, port.meshPort])),
      labels: { ...plan.labels, 'security.istio.io/tlsMode': 'istio' },
      serviceAccount: plan.serviceAccount,
    },
  };
}

/** Environment of the sidecar: its own settings only, nothing of the app's. */
function sidecarEnvironment(
  plan: WorkloadPlan,
  mesh: WorkloadMesh,
  own: {
    entryName: string;
    folder: string;
    ports: WorkloadPorts;
    credentialsFile: string;
    tokenFile: string;
  },
): Record<string, string | undefined> {
  const { environment } = mesh.surroundings;
  return {
    PATH: environment.PATH,
    HOME: environment.HOME,
    TRUST_DOMAIN: environment.TRUST_DOMAIN,
    LATEEN_LOG_LEVEL: environment.LATEEN_LOG_LEVEL,
    LATEEN_STATE_DIR: own.folder,
    CITADEL_ADDRESS: mesh.file.citadelAddress,
    DISCOVERY_ADDRESS: mesh.file.pilotAddress,
    JOIN_TOKEN_FILE: own.tokenFile,
    POD_NAME: own.entryName,
    POD_NAMESPACE: plan.namespace,
    SERVICE_ACCOUNT: plan.serviceAccount,
    WORKLOAD_NAME: plan.name,
    WORKLOAD_LABELS: JSON.stringify(plan.labels),
    LATEEN_INBOUND: JSON.stringify(
      own.ports.inbound.map((port) => ({ port: port.meshPort, appPort: port.appPort, name: port.name })),
    ),
    LATEEN_OUTBOUND: JSON.stringify(Object.fromEntries(own.ports.outbound)),
    HTTP_PROXY_PORT: String(own.ports.httpProxy),
    LATEEN_PROXY_CREDENTIALS: own.credentialsFile,
    PROXY_ADMIN_PORT: String(own.ports.admin),
    PROXY_BINARY: plan.proxyBinary,
  };
}

/** Environment of the app: the user's, its ports, and the way out through its sidecar. */
function appEnvironment(
  plan: WorkloadPlan,
  surroundings: Surroundings,
  ports: WorkloadPorts,
  proxyUrl: Secret,
): Record<string, string | undefined> {
  const proxy = proxyUrl.reveal();
  const nodeOptions = plan.environment.NODE_OPTIONS ?? surroundings.environment.NODE_OPTIONS ?? '';
  const result: Record<string, string | undefined> = {
    ...surroundings.environment,
    ...plan.environment,
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    HTTPS_PROXY: proxy,
    https_proxy: proxy,
    grpc_proxy: proxy,
    NO_PROXY: '',
    no_proxy: '',
    NODE_USE_ENV_PROXY: '1',
    NODE_OPTIONS: `${nodeOptions} --import ${preload.href}`.trim(),
  };
  for (const [index, port] of ports.inbound.entries()) {
    if (index === 0) result.PORT = String(port.appPort);
    result[variable('PORT', port.name)] = String(port.appPort);
  }
  for (const [service, port] of ports.outbound)
    result[variable('LATEEN_OUTBOUND', service)] = `127.0.0.1:${port}`;
  return result;
}

/** `LATEEN_OUTBOUND` and `mongodb:27017` make `LATEEN_OUTBOUND_MONGODB_27017`. */
function variable(prefix: string, name: string): string {
  return `${prefix}_${name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`;
}

/** Waits until the app listens. @throws CommandFailure when it ends before, or doesn't in time. */
async function untilListening(
  port: number,
  plan: WorkloadPlan,
  app: Supervised,
  surroundings: Surroundings,
): Promise<void> {
  const deadline = surroundings.clock.monotonic() + readyTimeoutMs;
  let code: number | undefined;
  void app.ended.then((ended) => (code = ended));
  while (!(await listens(port))) {
    if (code !== undefined)
      throw new CommandFailure(
        `${plan.name} ended with exit code ${code} before it listened on PORT=${port}`,
        code || 1,
      );
    if (surroundings.stopped.aborted) throw new CommandFailure(`${plan.name} was stopped before it listened`);
    if (surroundings.clock.monotonic() > deadline) {
      throw new CommandFailure(
        `${plan.name} doesn't listen on 127.0.0.1:${port}: it must take its port from PORT`,
      );
    }
    await sleep(surroundings.clock, 20, surroundings.stopped);
  }
}
