import { createWorkloadIdentity, joinTokenFile } from '@lateen/agent';
import { type Bus, connectNats, readNatsPassword } from '@lateen/bus';
import { componentId } from '@lateen/identity';
import { type Component, createLogger, LateenError, runProcess, systemClock } from '@lateen/runtime';
import { createPilot, type Pilot } from './pilot.ts';
import { type ProcessSettings, readSettings } from './settings.ts';

function settingsOrExit(): ProcessSettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof LateenError)) throw error;
    process.stderr.write(`pilot: ${error.message}\n`);
    process.exit(2);
  }
}

const settings = settingsOrExit();
const logger = createLogger({ component: 'pilot', level: settings.logLevel });
const clock = systemClock;
const random = Math.random;

const identity = createWorkloadIdentity({
  citadelAddress: settings.citadelAddress,
  joinToken: joinTokenFile(settings.joinTokenFile, { clock, timeoutMs: 30_000 }),
  principal: componentId('pilot', settings.trustDomain),
  trustDomain: settings.trustDomain,
  clock,
  random,
  logger,
});
let bus: Bus | undefined;
let pilot: Pilot | undefined;

/** Certificate first, then the bus, then pilot on both; stopped in reverse. */
const whole: Component = {
  name: 'pilot',
  async start() {
    await identity.start();
    bus = await connectNats({
      servers: settings.natsServers,
      component: 'pilot',
      password: settings.natsPassword ?? readNatsPassword(settings.natsPasswordFile),
      clock,
      random,
      logger,
    });
    pilot = createPilot(settings, { clock, random, logger, bus, identity: identity.identity });
    await pilot.start();
  },
  async stop() {
    await pilot?.stop();
    await bus?.close();
    await identity.stop();
  },
};
await runProcess(whole, {
  process,
  logger,
  stopTimeoutMs: 5000,
  facts: () => ({ port: pilot?.port, plaintextPort: pilot?.plaintextPort, debugPort: pilot?.debugPort }),
});
