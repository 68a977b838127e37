import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ApplyFile, KubeError } from '@lateen/kube';
import { type LogFields, messageOf, sleep } from '@lateen/runtime';
import { type Mesh, type MeshForm, startMesh } from '../mesh.ts';
import { readMeshFile, stateFolder } from '../mesh-file.ts';
import { readWorkloads } from '../plan-file.ts';
import type { CommandContext } from '../program.ts';
import { CommandFailure, type Surroundings } from '../surroundings.ts';
import { runWorkload, type Workload } from '../workload.ts';
import { violationLine } from './apply.ts';

interface UpOptions {
  readonly form: string;
  readonly filename: readonly string[];
  readonly workloads?: string;
  readonly gatewayPort: string;
  readonly plaintextXds?: string;
  readonly freePorts?: boolean;
  readonly probe?: string;
  readonly verbose?: boolean;
}

/** Adds `lateen up`. */
export function addUp({ program, surroundings, action }: CommandContext): void {
  program
    .command('up')
    .description('bring a mesh up here, and keep it up until Ctrl-C')
    .option(
      '--form <form>',
      'embedded (one control-plane process) or distributed (a process per component, NATS)',
      'embedded',
    )
    .option('-f, --filename <path...>', 'configuration to apply once it stands', [])
    .option('--workloads <file>', 'apps to run, with a sidecar each')
    .option('--gateway-port <port>', 'port of the ingress gateway, 0 for any', '8080')
    .option('--plaintext-xds <port>', 'also serve ADS in plain text on loopback, for tools')
    .option('--free-ports', 'let the control plane take any free ports')
    .option('--probe <path>', 'ready only when the gateway answers this path with 200')
    .option('-v, --verbose', 'print what every process prints')
    .action(
      action(async (options: UpOptions) => {
        if (options.form !== 'embedded' && options.form !== 'distributed') {
          throw new CommandFailure(`unknown form "${options.form}": use embedded or distributed`, 2);
        }
        const folder = stateFolder(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        refuseSecondMesh(folder);
        return holdUp(folder, options, options.form, surroundings);
      }),
    );
}

function refuseSecondMesh(folder: string): void {
  const { processId } = readMeshFile(folder);
  if (processId === 0 || !isAlive(processId)) return;
  throw new CommandFailure(
    `a mesh is already up here (process ${processId}): stop it, or give another --state-dir`,
  );
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function holdUp(
  folder: string,
  options: UpOptions,
  form: MeshForm,
  surroundings: Surroundings,
): Promise<number> {
  const begin = surroundings.clock.monotonic();
  const progress = (text: string): void => {
    const seconds = ((surroundings.clock.monotonic() - begin) / 1000).toFixed(1);
    surroundings.out(`[${seconds.padStart(5)} s] ${text}\n`);
  };
  const onLine = (source: string, line: string): void => {
    if (options.verbose) surroundings.out(`${source}: ${line}\n`);
    else if (isComplaint(line)) surroundings.err(`${source}: ${readable(line)}\n`);
  };
  const stopped = new Promise<void>((resolve) =>
    surroundings.stopped.addEventListener('abort', () => resolve(), { once: true }),
  );
  let mesh: Mesh | undefined;
  const workloads: Workload[] = [];
  const takeDown = async (): Promise<void> => {
    await Promise.all(workloads.map((workload) => workload.stop()));
    await mesh?.stop();
  };
  try {
    const starting = startMesh(
      {
        form,
        stateFolder: folder,
        gatewayPort: portOf(options.gatewayPort, '--gateway-port'),
        plaintextXdsPort:
          options.plaintextXds === undefined ? undefined : portOf(options.plaintextXds, '--plaintext-xds'),
        ports: options.freePorts ? 'free' : 'default',
        onLine,
        onProgress: progress,
      },
      surroundings,
    );
    mesh = await starting;
    const revision = await applyFiles(mesh, options.filename, surroundings);
    const plans =
      options.workloads === undefined ? [] : readWorkloads(options.workloads, surroundings.workingFolder);
    const up = mesh;
    await Promise.all(
      plans.map(async (plan) => {
        const workload = await runWorkload(plan, {
          file: up.file,
          stateFolder: folder,
          galley: up.galley,
          adminToken: up.adminToken,
          surroundings,
          onLine,
        });
        workloads.push(workload);
        progress(`${plan.name} with its sidecar`);
      }),
    );
    if (surroundings.stopped.aborted) return 0;
    await settle(mesh, revision, options.probe, surroundings);
    progress('ready');
    surroundings.out(welcome(mesh, options.probe));
    await stopped;
    surroundings.out('\nstopping …\n');
    return 0;
  } finally {
    await takeDown();
  }
}

function portOf(text: string, option: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new CommandFailure(`${option}: expected a port, found "${text}"`, 2);
  return port;
}

async function applyFiles(mesh: Mesh, names: readonly string[], surroundings: Surroundings): Promise<number> {
  if (names.length === 0) return 0;
  const files: ApplyFile[] = names.map((name) => {
    try {
      return { file: name, documents: readFileSync(resolve(surroundings.workingFolder, name), 'utf8') };
    } catch (error) {
      throw new CommandFailure(`${name} can't be read: ${messageOf(error)}`);
    }
  });
  try {
    return (await mesh.galley.apply(files)).revision;
  } catch (error) {
    if (error instanceof KubeError && error.violations.length > 0) {
      throw new CommandFailure(
        `the configuration is invalid:\n${error.violations.map(violationLine).join('\n')}`,
      );
    }
    throw error;
  }
}

/** "Ready" is a promise: every proxy has the newest revision, and the probed path answers. */
async function settle(
  mesh: Mesh,
  revision: number,
  probe: string | undefined,
  surroundings: Surroundings,
): Promise<void> {
  await mesh.galley.rollout(revision, 15_000);
  if (probe === undefined) return;
  const deadline = surroundings.clock.monotonic() + 15_000;
  let last = '';
  while (surroundings.clock.monotonic() < deadline && !surroundings.stopped.aborted) {
    try {
      const response = await fetch(mesh.file.gateway + probe, { signal: AbortSignal.timeout(5000) });
      await response.arrayBuffer();
      if (response.status === 200) return;
      last = `status ${response.status}`;
    } catch (error) {
      last = messageOf(error);
    }
    await sleep(surroundings.clock, 50, surroundings.stopped);
  }
  if (!surroundings.stopped.aborted)
    throw new CommandFailure(`${mesh.file.gateway}${probe} doesn't answer with 200: ${last}`);
}

function welcome(mesh: Mesh, probe: string | undefined): string {
  const plaintext = mesh.plaintextXds ? `  ADS in plain text, for tools: ${mesh.plaintextXds}\n` : '';
  const tries =
    probe === undefined
      ? '  npx --no lateen proxy-status\n'
      : `  npx --no lateen apply --wait -f e2e/bookinfo/config/reviews-v1-only.yaml
  npx --no lateen get virtualservices
  npx --no lateen proxy-status
`;
  return `\n  ${mesh.file.gateway}${probe ?? ''}\n${plaintext}\nTry, from another terminal:\n${tries}\nCtrl-C stops everything.\n`;
}

/** Without --verbose a process is only heard when it warns or fails. */
function isComplaint(line: string): boolean {
  const entry = parseLog(line);
  return entry === undefined
    ? line.trim() !== '' && /error|fail|warn/i.test(line)
    : Number(entry.level) >= 50;
}

function readable(line: string): string {
  const entry = parseLog(line);
  if (!entry) return line;
  const cause = (entry.err as { message?: string } | undefined)?.message;
  return `${String(entry.msg)}${cause ? `: ${cause}` : ''}`;
}

function parseLog(line: string): LogFields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as LogFields;
  } catch {
    return undefined; // not a log line of ours
  }
}
