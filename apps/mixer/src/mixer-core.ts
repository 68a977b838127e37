import type { AttributeSource } from '@lateen/attributes';
import type { ConfigObject } from '@lateen/config-schema';
import {
  createRpcServer,
  insecureServer,
  type RpcCaller,
  serverCredentials,
  type TlsIdentity,
} from '@lateen/rpc';
import {
  type Clock,
  type Component,
  composeComponents,
  type Logger,
  type MetricsRegistry,
  type WatchValue,
} from '@lateen/runtime';
import { type LineStream, LineWriter } from './adapters/line-writer.ts';
import { MetricStore } from './adapters/metric-store.ts';
import { RuleRuntime } from './runtime/rule-runtime.ts';
import { createHttpServer } from './server/http-server.ts';
import { createMixerService } from './server/mixer-service.ts';

/** Where the core listens, and whose rules hold everywhere. */
export interface MixerCoreSettings {
  readonly address: string;
  /** Empty: no plain text. */
  readonly plaintextAddress: string;
  readonly prometheusAddress: string;
  readonly monitoringAddress: string;
  readonly rootNamespace: string;
}

/** What the core takes from its surroundings. */
export interface MixerCorePorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly identity: WatchValue<TlsIdentity | undefined>;
  readonly stdout: LineStream;
  readonly stderr: LineStream;
}

/** Mixer without the way its identity and configuration come to it. */
export interface MixerCore extends Component {
  readonly port: number;
  readonly plaintextPort: number;
  readonly prometheusPort: number;
  readonly monitoringPort: number;
  /** Puts a configuration in force, by collection and name; `changed` as in `@lateen/mcp`'s `ConfigSnapshot`. */
  apply(objects: ReadonlyMap<string, ReadonlyMap<string, ConfigObject>>, changed?: ReadonlySet<string>): void;
}

/** Largest Check or Report. Source: istio/istio `mixer/pkg/server/args.go`. */
const maxMessageBytes = 1024 * 1024;

/** Servers and rules of mixer. */
export function createMixerCore(settings: MixerCoreSettings, ports: MixerCorePorts): MixerCore {
  const { clock, logger, metrics, identity } = ports;
  const store = new MetricStore();
  const writer = (name: 'stdout' | 'stderr'): LineWriter =>
    new LineWriter(
      ports[name],
      metrics.counter('mixer_dropped_lines_total', 'Lines that nobody read in time', { stream: name }),
    );
  const runtime = new RuleRuntime(settings.rootNamespace, {
    clock,
    logger,
    metrics,
    store,
    stdout: writer('stdout'),
    stderr: writer('stderr'),
  });
  const judgement = () => {
    const rules = runtime.current;
    return rules && { rules, attributes: (source: AttributeSource) => runtime.attributes(source) };
  };
  const service = (admits: (caller: RpcCaller) => boolean) =>
    createMixerService({ judgement, admits, clock, logger, metrics });

  const server = createRpcServer({
    name: 'mixer',
    address: settings.address,
    credentials: serverCredentials(identity, { clientCertificate: 'required' }),
    services: service((caller) => caller.principals.length > 0),
    maxMessageBytes,
  });
  const plaintext =
    settings.plaintextAddress === ''
      ? undefined
      : createRpcServer({
          name: 'mixer-plaintext',
          address: settings.plaintextAddress,
          credentials: insecureServer(),
          services: service(() => true),
          maxMessageBytes,
        });
  const prometheus = createHttpServer({
    name: 'mixer-prometheus',
    address: settings.prometheusAddress,
    pages: [
      {
        path: '/metrics',
        answer: async () => ({ status: 200, contentType: store.contentType, body: await store.text() }),
      },
    ],
  });
  const monitoring = createHttpServer({
    name: 'mixer-monitoring',
    address: settings.monitoringAddress,
    pages: [
      {
        path: '/healthz/ready',
        answer: () =>
          runtime.current
            ? { status: 200, contentType: 'text/plain', body: 'ready\n' }
            : { status: 503, contentType: 'text/plain', body: 'no configuration yet\n' },
      },
      {
        path: '/metrics',
        answer: () => ({ status: 200, contentType: 'text/plain; version=0.0.4', body: metrics.text() }),
      },
    ],
  });
  const handlers: Component = {
    name: 'mixer-handlers',
    async start() {},
    async stop() {
      runtime.close();
    },
  };
  const all = composeComponents('mixer-core', [
    handlers,
    prometheus,
    monitoring,
    ...(plaintext ? [plaintext] : []),
    server,
  ]);
  return {
    name: 'mixer-core',
    start: all.start,
    stop: all.stop,
    get port() {
      return server.port;
    },
    get plaintextPort() {
      return plaintext?.port ?? 0;
    },
    get prometheusPort() {
      return prometheus.port;
    },
    get monitoringPort() {
      return monitoring.port;
    },
    apply: (objects, changed) => runtime.apply(objects, changed),
  };
}
