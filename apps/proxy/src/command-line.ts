import { Command, InvalidArgumentError, Option } from 'commander';

/** What the command line asks for. Flags and their meaning are Envoy's. */
export interface CommandLine {
  /** `-c`: bootstrap file. */
  readonly configPath: string | undefined;
  /** `--config-yaml`: bootstrap text, merged over the file's. */
  readonly configYaml: string | undefined;
  readonly mode: 'serve' | 'validate';
  readonly serviceNode: string | undefined;
  readonly serviceCluster: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly drainTimeMs: number;
  /** More than one worker is not there yet; accepted so that Envoy's command lines work. */
  readonly concurrency: number;
}

const levels = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
  off: 'silent',
} as const;

function whole(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

/**
 * Reads the arguments behind the program's name. Prints help or an error and exits by itself, unless `exitOverride`
 * is set, which makes it throw (tests).
 */
export function readCommandLine(
  args: readonly string[],
  options: { readonly exitOverride?: boolean } = {},
): CommandLine {
  const command = new Command('proxy')
    .description(
      'Lateen proxy. With -c or --config-yaml it runs on that Envoy v3 bootstrap; without, it is a sidecar and takes its settings from the environment.',
    )
    .option('-c, --config-path <file>', 'Envoy v3 bootstrap, YAML or JSON')
    .option('--config-yaml <text>', 'Envoy v3 bootstrap as text, merged over the file')
    .addOption(
      new Option('--mode <mode>', 'serve, or only validate the configuration')
        .choices(['serve', 'validate'])
        .default('serve'),
    )
    .option('--concurrency <n>', 'worker count', whole, 1)
    .option('--service-node <id>', 'node id')
    .option('--service-cluster <name>', 'node cluster')
    .addOption(
      new Option('-l, --log-level <level>', 'log level').choices(Object.keys(levels)).default('info'),
    )
    .option('--drain-time-s <seconds>', 'longest time that connections may drain', whole, 600)
    .option(
      '--base-id <n>',
      'accepted for compatibility; several proxies of one machine do not meet here',
      whole,
    )
    .allowExcessArguments(false);
  if (options.exitOverride) command.exitOverride();
  const parsed = command.parse(args, { from: 'user' }).opts<{
    configPath?: string;
    configYaml?: string;
    mode: 'serve' | 'validate';
    concurrency: number;
    serviceNode?: string;
    serviceCluster?: string;
    logLevel: keyof typeof levels;
    drainTimeS: number;
  }>();
  return {
    configPath: parsed.configPath,
    configYaml: parsed.configYaml,
    mode: parsed.mode,
    serviceNode: parsed.serviceNode,
    serviceCluster: parsed.serviceCluster,
    logLevel: levels[parsed.logLevel],
    drainTimeMs: parsed.drainTimeS * 1000,
    concurrency: parsed.concurrency,
  };
}
