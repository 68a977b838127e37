import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AnswerViolation, type Applied, type ApplyFile, KubeError } from '@lateen/kube';
import { messageOf } from '@lateen/runtime';
import { connectMesh, type MeshConnection } from '../connection.ts';
import { type OutputFormat, outputFormat, print } from '../output.ts';
import type { CommandContext } from '../program.ts';
import { CommandFailure, type Surroundings } from '../surroundings.ts';

interface ApplyOptions {
  readonly filename: readonly string[];
  readonly namespace?: string;
  readonly wait?: boolean;
  readonly timeout: string;
  readonly dryRun?: boolean;
  readonly output: string;
}

/** Adds `lateen apply`. */
export function addApply({ program, surroundings, action }: CommandContext): void {
  program
    .command('apply')
    .description('store configuration: every document of the call, or none of it')
    .requiredOption('-f, --filename <path...>', 'file, folder, or - for standard input')
    .option('-n, --namespace <name>', 'namespace of objects that name none')
    .option('--wait', 'wait until every connected proxy has acknowledged it')
    .option('--timeout <seconds>', 'longest wait', '30')
    .option('--dry-run', 'validate only')
    .option('-o, --output <form>', 'table, json or yaml', 'table')
    .action(
      action(async (options: ApplyOptions) => {
        const format = outputFormat(options.output);
        const mesh = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        return applyFiles(mesh, surroundings, options, format);
      }),
    );
}

async function applyFiles(
  mesh: MeshConnection,
  surroundings: Surroundings,
  options: ApplyOptions,
  format: OutputFormat,
): Promise<number> {
  const sources = await readSources(options.filename, surroundings);
  // One call is one transaction; each file keeps its own line numbers in what is said about it.
  let applied: Applied;
  try {
    applied = await mesh.galley.apply(sources, {
      dryRun: options.dryRun === true,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    });
  } catch (error) {
    if (!(error instanceof KubeError) || error.violations.length === 0) throw error;
    for (const violation of error.violations) surroundings.err(`${violationLine(violation)}\n`);
    const errors = error.violations.filter(({ severity }) => severity === 'error').length;
    surroundings.err(`lateen: nothing was applied: ${errors} ${errors === 1 ? 'error' : 'errors'}\n`);
    return 1;
  }
  for (const result of applied.results)
    for (const warning of result.warnings ?? []) surroundings.err(`warning: ${warning}\n`);
  const rows = applied.results.map((result) => [
    result.kind,
    result.namespace ?? '',
    result.name,
    result.action,
  ]);
  print(surroundings, format, applied, { columns: ['KIND', 'NAMESPACE', 'NAME', 'ACTION'], rows });
  if (!options.wait || options.dryRun) return 0;
  const timeoutMs = Number(options.timeout) * 1000;
  if (!(timeoutMs > 0))
    throw new CommandFailure(`--timeout: expected seconds, found "${options.timeout}"`, 2);
  const rollout = await mesh.galley.rollout(applied.revision, timeoutMs);
  for (const nack of rollout.nacks)
    surroundings.err(`refused by ${nack.proxy} (${nack.type}): ${nack.message}\n`);
  const state = `revision ${rollout.revision}: ${rollout.acked} of ${rollout.proxies} proxies have it`;
  if (format === 'table') surroundings.out(`${state}\n`);
  if (rollout.done) return 0;
  throw new CommandFailure(`${state} after ${options.timeout} s; "lateen proxy-status" shows which lag`);
}

/** A violation as compilers print them: `file:line:column: severity: path: message`. */
export function violationLine(violation: AnswerViolation): string {
  const { position } = violation;
  const where = position ? `${position.file ?? '<input>'}:${position.line}:${position.column}: ` : '';
  const hint = violation.hint ? ` (${violation.hint})` : '';
  const path = violation.path ? `${violation.path}: ` : '';
  const code = violation.code ? `[${violation.code}] ` : '';
  return `${where}${violation.severity}: ${code}${path}${violation.message}${hint}`;
}

async function readSources(names: readonly string[], surroundings: Surroundings): Promise<ApplyFile[]> {
  const sources: ApplyFile[] = [];
  for (const name of names) {
    if (name === '-') {
      sources.push({ file: '<standard input>', documents: await surroundings.readInput() });
      continue;
    }
    const path = resolve(surroundings.workingFolder, name);
    try {
      const files = statSync(path).isDirectory()
        ? readdirSync(path)
            .filter((entry) => /\.(ya?ml|json)$/.test(entry))
            .sort()
            .map((entry) => [join(name, entry), join(path, entry)])
        : [[name, path]];
      for (const [shown, real] of files)
        sources.push({ file: shown!, documents: readFileSync(real!, 'utf8') });
    } catch (error) {
      throw new CommandFailure(`${name} can't be read: ${messageOf(error)}`);
    }
  }
  if (sources.length === 0) throw new CommandFailure(`no .yaml, .yml or .json file in ${names.join(', ')}`);
  return sources;
}
