import { join } from 'node:path';
import { componentAccounts } from '@lateen/identity';
import type { Clock, Component, Logger, Timer } from '@lateen/runtime';
import { ensureFolder, writeDurably } from './authority/durable-file.ts';

/** Life of a component's join token; a new one is written at half of it. Milliseconds. */
const tokenTtlMs = 3_600_000;

/** A failed refresh is tried again after this time: the old token still holds. Milliseconds. */
const retryMs = 60_000;

const components = ['galley', 'pilot', 'mixer', 'ingress-gateway'] as const;

/** Keeps `<state>/tokens/<component>` fresh, for the components that run as processes of the same user. */
export function createComponentTokens(options: {
  readonly folder: string;
  readonly issue: (serviceAccount: string, ttlMs: number) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}): Component {
  const { folder, clock } = options;
  let timer: Timer | undefined;
  let stopped = false;
  const write = async (): Promise<void> => {
    ensureFolder(folder);
    for (const component of components) {
      writeDurably(
        join(folder, component),
        `${await options.issue(componentAccounts[component], tokenTtlMs)}\n`,
      );
    }
  };
  const schedule = (delayMs: number): void => {
    if (stopped) return;
    timer = clock.after(delayMs, () => {
      write().then(
        () => schedule(tokenTtlMs / 2),
        (error: unknown) => {
          options.logger.error({ err: error }, "the components' join tokens could not be written");
          schedule(retryMs);
        },
      );
    });
  };
  return {
    name: 'component tokens',
    async start() {
      stopped = false;
      await write();
      schedule(tokenTtlMs / 2);
    },
    async stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
