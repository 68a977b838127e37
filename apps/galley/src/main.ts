import { createWorkloadIdentity, joinTokenFile } from '@lateen/agent';
import { type Bus, connectNats, createMemoryBus, readNatsPassword } from '@lateen/bus';
import { componentId } from '@lateen/identity';
import { type Component, createLogger, LateenError, runProcess, systemClock } from '@lateen/runtime';
import { createBusStore, createEmbeddedStore, createGalley, type Galley } from './galley.ts';
import { type ProcessSettings, readSettings } from './settings.ts';

const joinTokenTimeoutMs = 30_000;

function settingsOrExit(): ProcessSettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof LateenError)) throw error;
    process.stderr.write(`galley: ${error.message}\n`);
    process.exit(2);
  }
}

const settings = settingsOrExit();
const clock = systemClock;
const random = Math.random;
const logger = createLogger({ component: 'galley', level: settings.logLevel });
const identity = createWorkloadIdentity({
  citadelAddress: settings.citadelAddress,
  joinToken: joinTokenFile(settings.joinTokenFile, { clock, timeoutMs: joinTokenTimeoutMs }),
  principal: componentId('galley', settings.trustDomain),
  trustDomain: settings.trustDomain,
  clock,
  random,
  logger,
});

let bus: Bus | undefined;
let galley: Galley | undefined;
const component: Component = {
  name: 'galley',
  async start() {
    bus = await openBus();
    const store =
      settings.store === 'nats'
        ? await createBusStore({ bus, clock, logger })
        : createEmbeddedStore(settings.stateDir);
    await identity.start();
    galley = createGalley(settings, { bus, store, identity: identity.identity, clock, logger });
    await galley.start();
  },
  async stop() {
    await galley?.stop();
    await identity.stop();
    await bus?.close();
  },
};

function openBus(): Promise<Bus> | Bus {
  const { natsServers, natsReplicas: replicas } = settings;
  const password = settings.natsPassword ?? readNatsPassword(settings.natsPasswordFile);
  if (natsServers.length === 0) return createMemoryBus({ clock, logger });
  return connectNats({
    servers: natsServers,
    replicas,
    password,
    component: 'galley',
    clock,
    random,
    logger,
  });
}

await runProcess(component, {
  process,
  logger,
  stopTimeoutMs: 5000,
  facts: () => ({ mcpPort: galley?.mcpPort, apiPort: galley?.apiPort }),
});
