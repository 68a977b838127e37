import { createLogger, LateenError, runProcess, systemClock } from '@lateen/runtime';
import { createIngressGateway } from './ingress-gateway.ts';
import { type GatewaySettings, readSettings } from './settings.ts';

function settingsOrExit(): GatewaySettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof LateenError)) throw error;
    process.stderr.write(`ingress-gateway: ${error.message}\n`);
    process.exit(2);
  }
}

const settings = settingsOrExit();
const logger = createLogger({ component: 'ingress-gateway', level: settings.logLevel });
const gateway = createIngressGateway(settings, {
  clock: systemClock,
  random: Math.random,
  logger,
  quit: () => void process.kill(process.pid, 'SIGTERM'),
});
await runProcess(gateway, {
  process,
  logger,
  stopTimeoutMs: settings.stopDrainMs + 5000,
  facts: () => ({ adminPort: gateway.adminPort, statusPort: gateway.statusPort }),
});
