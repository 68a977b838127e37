import { createLogger, LateenError, runProcess, systemClock } from '@lateen/runtime';
import { createCitadel } from './citadel.ts';
import { type CitadelSettings, readSettings } from './settings.ts';

function settingsOrExit(): CitadelSettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof LateenError)) throw error;
    process.stderr.write(`citadel: ${error.message}\n`);
    process.exit(2);
  }
}

const settings = settingsOrExit();
const logger = createLogger({ component: 'citadel', level: settings.logLevel });
const citadel = createCitadel(settings, { clock: systemClock, logger });
await runProcess(citadel, {
  process,
  logger,
  stopTimeoutMs: 5000,
  facts: () => ({ port: citadel.port, adminPort: citadel.adminPort }),
});
