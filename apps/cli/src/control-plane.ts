import { createWorkloadIdentity, joinTokenFile } from '@lateen/agent';
import { createMemoryBus } from '@lateen/bus';
import { createCitadel, readSettings as readCitadelSettings } from '@lateen/citadel';
import { createEmbeddedStore, createGalley, readSettings as readGalleySettings } from '@lateen/galley';
import { componentId } from '@lateen/identity';
import { createMixer, type MixerPorts, readSettings as readMixerSettings } from '@lateen/mixer';
import { createPilot, readSettings as readPilotSettings } from '@lateen/pilot';
import {
  type Clock,
  type Component,
  composeComponents,
  type Environment,
  type Logger,
  type Random,
} from '@lateen/runtime';

/** What the embedded control plane takes from its surroundings. */
export interface ControlPlanePorts {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: Random;
  /** Log of one component. */
  loggerOf(component: string): Logger;
  readonly stdout: MixerPorts['stdout'];
  readonly stderr: MixerPorts['stderr'];
}

const joinTokenTimeoutMs = 10_000;

/**
 * Citadel, galley, mixer and pilot in one process: the same components as in the distributed form, over an in-memory bus
 * and a SQLite store. They talk gRPC with mTLS on loopback and get their certificates as any other process would.
 */
export function createControlPlane(ports: ControlPlanePorts): Component {
  const { environment, clock, random, stdout, stderr } = ports;
  const loggerOf = (component: string): Logger => ports.loggerOf(component);
  const galleySettings = readGalleySettings(environment);
  const pilotSettings = readPilotSettings(environment);
  const identityOf = (component: 'galley' | 'pilot', tokenFile: string) =>
    createWorkloadIdentity({
      citadelAddress: galleySettings.citadelAddress,
      joinToken: joinTokenFile(tokenFile, { clock, timeoutMs: joinTokenTimeoutMs }),
      principal: componentId(component, galleySettings.trustDomain),
      trustDomain: galleySettings.trustDomain,
      clock,
      random,
      logger: loggerOf(component),
    });
  const bus = createMemoryBus({ clock, logger: loggerOf('bus') });
  const citadel = createCitadel(readCitadelSettings(environment), { clock, logger: loggerOf('citadel') });
  const galleyIdentity = identityOf('galley', galleySettings.joinTokenFile);
  const galley = createGalley(galleySettings, {
    bus,
    store: createEmbeddedStore(galleySettings.stateDir),
    identity: galleyIdentity.identity,
    clock,
    logger: loggerOf('galley'),
  });
  const mixer = createMixer(readMixerSettings(environment), {
    clock,
    random,
    stdout,
    stderr,
    logger: loggerOf('mixer'),
  });
  const pilotIdentity = identityOf('pilot', pilotSettings.joinTokenFile);
  const pilot = createPilot(pilotSettings, {
    bus,
    identity: pilotIdentity.identity,
    clock,
    random,
    logger: loggerOf('pilot'),
  });
  return composeComponents('control plane', [
    { name: 'bus', start: () => Promise.resolve(), stop: () => bus.close() },
    citadel,
    galleyIdentity,
    galley,
    pilotIdentity,
    pilot,
    mixer,
  ]);
}
