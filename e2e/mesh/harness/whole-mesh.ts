import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Mesh,
  type MeshForm,
  readWorkloads,
  runWorkload,
  startMesh,
  type Surroundings,
  type Workload,
  type WorkloadPlan,
} from '@lateen/cli';
import type { Applied, Rollout } from '@lateen/kube';
import { systemClock } from '@lateen/runtime';
import { LoadClient } from './load.ts';

const e2e = join(import.meta.dirname, '../..');

/** A whole mesh in real processes, with what a suite does to it. */
export interface WholeMesh {
  readonly form: MeshForm;
  readonly mesh: Mesh;
  readonly folder: string;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Lines that the processes printed, `source: line`; the newest thousand. */
  readonly lines: readonly string[];
  /** Applies YAML and waits until every proxy has it. */
  apply(documents: string): Promise<{ applied: Applied; rollout: Rollout }>;
  applyFile(path: string): Promise<{ applied: Applied; rollout: Rollout }>;
  /** Deletes an object of the default namespace, or another, and waits. */
  remove(plural: string, name: string, namespace?: string): Promise<void>;
  run(plan: WorkloadPlan): Promise<Workload>;
  /** Runs the Bookinfo sample. */
  runBookinfo(): Promise<void>;
  /** A client that speaks through a workload's sidecar, as its app does. */
  clientOf(workload: string): LoadClient;
  /** Certificates that components and workloads have received so far. */
  rotations(): number;
  /** A sidecar's series by its name and labels, as Prometheus reads it; NaN when there is none. */
  statistic(workload: string, name: string): Promise<number>;
  stop(): Promise<void>;
}

const apiVersions: Readonly<Record<string, string>> = {
  services: 'v1',
  configmaps: 'v1',
  rules: 'config.istio.io/v1alpha2',
  handlers: 'config.istio.io/v1alpha2',
  instances: 'config.istio.io/v1alpha2',
  quotaspecs: 'config.istio.io/v1alpha2',
  quotaspecbindings: 'config.istio.io/v1alpha2',
  peerauthentications: 'security.istio.io/v1',
};

/** Brings a mesh up on free ports in a folder of its own. */
export async function bringUp(
  form: MeshForm,
  options: {
    readonly plaintextXds?: boolean;
    /** Settings of the components beside those that the mesh sets. */
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<WholeMesh> {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-'));
  const lines: string[] = [];
  let rotations = 0;
  const onLine = (source: string, line: string): void => {
    if (line.includes('a certificate was received')) rotations += 1;
    lines.push(`${source}: ${line}`);
    if (lines.length > 1000) lines.shift();
  };
  const stopped = new AbortController();
  const surroundings: Surroundings = {
    environment: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      LATEEN_LOG_LEVEL: process.env.LATEEN_LOG_LEVEL,
      ...options.environment,
    },
    workingFolder: e2e,
    out: () => {},
    err: () => {},
    readInput: () => Promise.resolve(''),
    terminal: false,
    clock: systemClock,
    random: Math.random,
    stopped: stopped.signal,
    processId: process.pid,
    node: process.execPath,
  };
  const workloads = new Map<string, Workload>();
  const clients: LoadClient[] = [];
  let mesh: Mesh;
  try {
    mesh = await startMesh(
      {
        form,
        stateFolder: folder,
        gatewayPort: 0,
        plaintextXdsPort: options.plaintextXds ? 0 : undefined,
        ports: 'free',
        onLine,
        onProgress: () => {},
      },
      surroundings,
    );
  } catch (error) {
    throw new Error(`the mesh did not come up: ${String(error)}\n${lines.slice(-30).join('\n')}`, {
      cause: error,
    });
  }

  const applied = async (
    files: Parameters<Mesh['galley']['apply']>[0],
  ): Promise<{ applied: Applied; rollout: Rollout }> => {
    const answer = await mesh.galley.apply(files);
    const rollout = await mesh.galley.rollout(answer.revision, 10_000);
    if (!rollout.done)
      throw new Error(`revision ${answer.revision} did not reach every proxy: ${JSON.stringify(rollout)}`);
    return { applied: answer, rollout };
  };
  const run = async (plan: WorkloadPlan): Promise<Workload> => {
    const { file, galley, adminToken } = mesh;
    const workload = await runWorkload(plan, {
      file,
      galley,
      adminToken,
      stateFolder: folder,
      surroundings,
      onLine,
    });
    workloads.set(plan.name, workload);
    return workload;
  };
  return {
    form,
    mesh,
    folder,
    workloads,
    lines,
    apply: (documents) => applied([{ file: 'test.yaml', documents }]),
    applyFile: (path) => applied([{ file: path, documents: readFileSync(join(e2e, path), 'utf8') }]),
    async remove(plural, name, namespace = 'default') {
      const apiVersion = apiVersions[plural] ?? 'networking.istio.io/v1';
      const revision = await mesh.galley.delete({ apiVersion, plural, namespaced: true }, namespace, name);
      if (revision !== undefined) await mesh.galley.rollout(revision, 10_000);
    },
    run,
    async runBookinfo() {
      await applied([
        {
          file: 'bookinfo.yaml',
          documents: readFileSync(join(e2e, 'bookinfo/config/bookinfo.yaml'), 'utf8'),
        },
      ]);
      await Promise.all(readWorkloads('bookinfo/workloads.yaml', e2e).map(run));
    },
    clientOf(name) {
      const workload = workloads.get(name);
      if (!workload) throw new Error(`no workload ${name} runs`);
      const client = new LoadClient(workload.proxyUrl.reveal());
      clients.push(client);
      return client;
    },
    async statistic(name, statistic) {
      const workload = workloads.get(name);
      const response = await fetch(`http://127.0.0.1:${workload?.ports.admin}/stats/prometheus`);
      const line = (await response.text()).split('\n').find((entry) => entry.startsWith(`${statistic} `));
      return Number(line?.slice(statistic.length + 1) ?? Number.NaN);
    },
    rotations: () => rotations,
    async stop() {
      stopped.abort();
      for (const client of clients) client.close();
      await Promise.all([...workloads.values()].map((workload) => workload.stop()));
      await mesh.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Plan of an echo app: `ports` as `http` or `tcp`. */
export function echoPlan(
  name: string,
  options: {
    app?: string;
    version?: string;
    serviceAccount?: string;
    ports?: readonly string[];
    environment?: Record<string, string>;
  } = {},
): WorkloadPlan {
  return {
    name,
    namespace: 'default',
    serviceAccount: options.serviceAccount ?? name,
    labels: { app: options.app ?? name, version: options.version ?? 'v1' },
    ports: (options.ports ?? ['http']).map((port) => ({ name: port })),
    command: ['node', join(e2e, 'mesh/apps/echo.ts')],
    workingFolder: e2e,
    environment: { ECHO_NAME: name, ...options.environment },
    outbound: new Map(),
    restart: true,
  };
}
