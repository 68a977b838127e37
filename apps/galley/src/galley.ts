import { join } from 'node:path';
import { type Bus, journals, subjects } from '@lateen/bus';
import { componentId } from '@lateen/identity';
import { createMcpSource } from '@lateen/mcp';
import {
  createRpcServer,
  type RpcCaller,
  RpcServices,
  serverCredentials,
  type TlsIdentity,
} from '@lateen/rpc';
import {
  adminToken,
  type Clock,
  type Component,
  composeComponents,
  type Logger,
  MetricsRegistry,
  WatchValue,
} from '@lateen/runtime';
import { createApiServer } from './api-server/api-server.ts';
import { collections, McpSnapshots } from './distribution/mcp-snapshot.ts';
import type { GalleySettings, ListenAddress } from './settings.ts';
import { createDirectorySource } from './sources/directory-source.ts';
import { Rollout } from './status/rollout.ts';
import { Catalog } from './store/catalog.ts';
import type { ConfigStore } from './store/config-store.ts';
import { createJournalStore } from './store/journal-store.ts';
import { createSqliteStore } from './store/sqlite-store.ts';

/** Galley's surroundings. */
export interface GalleyPorts {
  readonly bus: Bus;
  readonly store: ConfigStore;
  /** Certificate for MCP and the roots that its clients chain to; connections wait for the first one. */
  readonly identity: WatchValue<TlsIdentity | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: MetricsRegistry;
}

/** Galley, runnable. Ports are the bound ones after `start`. */
export interface Galley extends Component {
  readonly mcpPort: number;
  readonly apiPort: number;
  /** Newest revision; 0 for an empty store. */
  readonly revision: number;
}

/** Transactions and events kept for watches that resume. */
const history = 4096;

/** The embedded store: `galley.db` in the state folder. */
export function createEmbeddedStore(stateDir: string): ConfigStore {
  return createSqliteStore({ path: join(stateDir, 'galley.db'), history });
}

/** The distributed store: the bus's config journal. @throws LateenError LTN_BUS_UNAVAILABLE. */
export async function createBusStore(
  ports: Pick<GalleyPorts, 'bus' | 'clock' | 'logger'>,
): Promise<ConfigStore> {
  const { bus, clock, logger } = ports;
  return createJournalStore({ journal: await bus.journal(journals.config), history, clock, logger });
}

/**
 * Takes in configuration (watched directories, HTTP API), validates and stores it, and distributes it over MCP to pilot
 * and mixer, which prove themselves by certificate. `start` resolves when the store is read, the directories are applied
 * and both servers listen.
 */
export function createGalley(settings: GalleySettings, ports: GalleyPorts): Galley {
  const { bus, store, clock, logger } = ports;
  const metrics = ports.metrics ?? new MetricsRegistry();
  const catalog = new Catalog({ store, logger, history });
  const rollout = new Rollout({ bus, clock, logger });
  const snapshots = new McpSnapshots(catalog);
  const files = createDirectorySource({ directories: settings.configDirs, catalog, clock, logger });
  const mcp = createMcpServer(settings, { ...ports, snapshots, metrics });
  let api: (Component & { readonly port: number }) | undefined;
  let ready = false;

  const apiServer: Component = {
    name: 'api',
    async start() {
      api = createApiServer({
        ...settings.apiAddress,
        hostNames: [settings.apiAddress.host, ...settings.apiHosts],
        token: adminToken(settings.stateDir),
        stateDir: settings.stateDir,
        catalog,
        rollout,
        metrics,
        clock,
        logger,
        ready: () => ready,
      });
      await api.start();
    },
    stop: async () => api?.stop(),
  };
  const watching: Component = {
    name: 'telemetry',
    async start() {
      const revision = metrics.gauge('galley_store_revision', 'Newest revision that is stored.');
      const refused = metrics.gauge(
        'galley_source_refused_files',
        'Files of watched directories that are refused now.',
      );
      revision.set(catalog.revision);
      files.problems.subscribe(() => refused.set(files.problems.entries.size));
      catalog.subscribe((newest) => {
        revision.set(newest);
        bus.publish(subjects.configRevision, new TextEncoder().encode(JSON.stringify({ revision: newest })));
      });
    },
    async stop() {},
  };
  const parts = composeComponents('galley', [catalog, watching, files, snapshots, rollout, mcp, apiServer]);
  return {
    name: 'galley',
    get mcpPort() {
      return mcp.port;
    },
    get apiPort() {
      return api?.port ?? 0;
    },
    get revision() {
      return catalog.revision;
    },
    async start() {
      await parts.start();
      ready = true;
    },
    async stop() {
      ready = false;
      await parts.stop();
    },
  };
}

type McpPorts = GalleyPorts & { readonly snapshots: McpSnapshots; readonly metrics: MetricsRegistry };

function createMcpServer(settings: GalleySettings, ports: McpPorts): Component & { readonly port: number } {
  const { logger, metrics, snapshots, identity } = ports;
  const services = new RpcServices(logger);
  const sinks = new WatchValue(0);
  const connected = metrics.gauge('galley_mcp_sinks', 'Connected MCP sinks.');
  sinks.subscribe((count) => connected.set(count));
  const readers = (['pilot', 'mixer'] as const).map((component) =>
    componentId(component, settings.trustDomain),
  );
  const refuse = ({ principals }: RpcCaller): string | undefined => {
    if (principals.some((principal) => readers.includes(principal))) return undefined;
    return `${principals.join(', ') || 'a caller without certificate'} may not read configuration`;
  };
  createMcpSource({ services, snapshot: snapshots.snapshot, collections, refuse, sinks, logger });
  return createRpcServer({
    name: 'mcp',
    address: addressText(settings.mcpAddress),
    credentials: serverCredentials(identity, { clientCertificate: 'required' }),
    services,
  });
}

function addressText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
