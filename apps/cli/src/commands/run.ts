import { resolve } from 'node:path';
import { connectMesh } from '../connection.ts';
import { parseLabels, parseOutbound, parsePort } from '../plan-file.ts';
import type { CommandContext } from '../program.ts';
import { runWorkload, type Workload } from '../workload.ts';

interface RunCommandOptions {
  readonly name?: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: string;
  readonly port: readonly string[];
  readonly outbound: readonly string[];
  readonly proxyBinary?: string;
}

/** Adds `lateen run`. */
export function addRun({ program, surroundings, action }: CommandContext): void {
  program
    .enablePositionalOptions()
    .command('run')
    .description('run an app in the mesh: its sidecar first, then the app, then its endpoint')
    .argument('<command...>', 'the app, after --')
    .option('--name <name>', 'name of the workload (default: the program’s)')
    .option('-n, --namespace <name>', 'namespace', 'default')
    .option('--service-account <name>', 'who the app is', 'default')
    .option('--labels <pairs>', 'labels that Services select by, as app=reviews,version=v1', '')
    .option(
      '--port <name[:port]>',
      'a port of the app: its name tells the protocol, as http or tcp-db:27017; may be repeated',
      collect,
      [],
    )
    .option(
      '--outbound <pair>',
      'open a TCP service on loopback: [HOST:]PORT=LOCAL_PORT; may be repeated',
      collect,
      [],
    )
    .option('--proxy-binary <path>', 'run this proxy as the sidecar instead of Lateen’s own: stock Envoy')
    .passThroughOptions()
    .action(
      action(async (command: string[], options: RunCommandOptions) => {
        const mesh = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        const programName = command[0]?.split('/').at(-1) ?? 'app';
        const workload = await runWorkload(
          {
            name: options.name ?? programName,
            namespace: options.namespace,
            serviceAccount: options.serviceAccount,
            labels: parseLabels(options.labels),
            ports: options.port.map(parsePort),
            command,
            workingFolder: surroundings.workingFolder,
            environment: {},
            outbound: parseOutbound(options.outbound),
            restart: false,
            ...(options.proxyBinary === undefined
              ? {}
              : { proxyBinary: resolve(surroundings.workingFolder, options.proxyBinary) }),
          },
          {
            ...mesh,
            surroundings,
            onLine: (source, line) => surroundings[source.endsWith('/sidecar') ? 'err' : 'out'](`${line}\n`),
          },
        );
        surroundings.err(describePorts(workload));
        const stopping = new Promise<void>((resolve) => {
          if (surroundings.stopped.aborted) resolve();
          surroundings.stopped.addEventListener('abort', () => resolve(), { once: true });
        });
        await Promise.race([workload.app.ended, stopping]);
        return workload.stop();
      }),
    );
}

/** Gathers the values of an option that may be repeated. */
function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** The ports of a workload, a line each. */
function describePorts(workload: Workload): string {
  const { ports, plan } = workload;
  const lines = ports.inbound.map(
    (port) =>
      `  ${port.name}: the mesh reaches it at 127.0.0.1:${port.meshPort}, the app listens on 127.0.0.1:${port.appPort}`,
  );
  lines.push(
    `  HTTP proxy of the app: 127.0.0.1:${ports.httpProxy}; sidecar admin: http://127.0.0.1:${ports.admin}`,
  );
  for (const [service, port] of ports.outbound) lines.push(`  ${service} is reached at 127.0.0.1:${port}`);
  return `${plan.name} runs in the mesh as ${plan.namespace}/${workload.entryName}\n${lines.join('\n')}\n`;
}
