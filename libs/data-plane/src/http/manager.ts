import type { Clock, Logger, Random } from '@lateen/runtime';
import type { HttpFilter } from '../http-filters/filter.ts';
import type { RouteSource } from '../network-filters/surroundings.ts';
import type { StreamReporter } from '../reporting/stream-reporter.ts';
import type { RouterSurroundings } from '../router/forwarder.ts';
import type { LocalReplyMap } from './local-reply-map.ts';
import type { DateHeader } from './response-rules.ts';
import type { ManagerSettings } from './settings.ts';

/** A compiled connection manager: what all its connections and streams share. */
export interface Manager {
  readonly settings: ManagerSettings;
  readonly routes: RouteSource;
  readonly filters: readonly HttpFilter[];
  readonly router: RouterSurroundings;
  readonly reporter: StreamReporter;
  readonly mapLocalReply: LocalReplyMap | undefined;
  readonly date: DateHeader;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
