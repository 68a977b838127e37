import { createLogger, LateenError, runProcess, systemClock } from '@lateen/runtime';
import { createMixer } from './mixer.ts';
import { type MixerSettings, readSettings } from './settings.ts';

function settingsOrExit(): MixerSettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof LateenError)) throw error;
    process.stderr.write(`mixer: ${error.message}\n`);
    process.exit(2);
  }
}

const settings = settingsOrExit();
const logger = createLogger({ component: 'mixer', level: settings.logLevel });
const { stdout, stderr } = process;
const mixer = createMixer(settings, { clock: systemClock, random: Math.random, logger, stdout, stderr });
await runProcess(mixer, {
  process,
  logger,
  stopTimeoutMs: 5000,
  facts: () => ({
    port: mixer.port,
    plaintextPort: mixer.plaintextPort,
    prometheusPort: mixer.prometheusPort,
    monitoringPort: mixer.monitoringPort,
  }),
});
