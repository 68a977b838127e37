import { readFileSync } from 'node:fs';
import {
  type Bootstrap,
  createDataPlane,
  type DataPlane,
  mergeBootstraps,
  parseBootstrap,
} from '@lateen/data-plane';
import { LateenError, MetricsRegistry, messageOf } from '@lateen/runtime';
import type { CommandLine } from './command-line.ts';
import type { ProxyPorts } from './sidecar.ts';

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LateenError(`the bootstrap ${path} cannot be read: ${messageOf(error)}`, {
      code: 'LTN_PROXY_BOOTSTRAP',
      origin: 'config',
      cause: error,
    });
  }
}

/** The bootstrap that a command line names. @throws LateenError LTN_PROXY_BOOTSTRAP, LTN_BOOTSTRAP_INVALID */
export function readBootstrap(line: CommandLine): Bootstrap {
  const parts = [
    ...(line.configPath === undefined ? [] : [parseBootstrap(readFile(line.configPath))]),
    ...(line.configYaml === undefined ? [] : [parseBootstrap(line.configYaml)]),
  ];
  const bootstrap = parts.reduce(mergeBootstraps);
  const { serviceNode, serviceCluster } = line;
  if (serviceNode === undefined && serviceCluster === undefined) return bootstrap;
  const over: Bootstrap = {
    node: {
      ...(serviceNode === undefined ? {} : { id: serviceNode }),
      ...(serviceCluster === undefined ? {} : { cluster: serviceCluster }),
    },
  };
  return mergeBootstraps(bootstrap, over);
}

/** The data plane alone, on a bootstrap of the user's. @throws LateenError when the bootstrap can't be used */
export function createStandalone(line: CommandLine, ports: ProxyPorts): DataPlane {
  const { quit, ...surroundings } = ports;
  return createDataPlane({
    ...surroundings,
    bootstrap: readBootstrap(line),
    metrics: new MetricsRegistry(),
    drainTimeMs: line.drainTimeMs,
    // Whoever stops a proxy by hand waits for what is under way, not for clients that hold idle connections.
    stopDrainMs: Math.min(line.drainTimeMs, 5000),
    onQuit: quit,
  });
}
