import type { Clock, Timer, Unsubscribe } from '@lateen/runtime';

/** Something that a resource waits for before it is used. */
export interface WarmingItem {
  ready(): boolean;
  subscribe(listener: () => void): Unsubscribe;
  /** The wait ends after this time even if the thing has not come; `undefined`: it never does. Milliseconds. */
  readonly timeoutMs: number | undefined;
}

/** Calls `done` once, when every item is ready or has waited long enough; at once when nothing is missing. */
export function warm(items: readonly WarmingItem[], clock: Clock, done: () => void): () => void {
  const stops: Unsubscribe[] = [];
  const timers: Timer[] = [];
  const expired = new Set<WarmingItem>();
  let finished = false;
  const stop = (): void => {
    finished = true;
    for (const unsubscribe of stops) unsubscribe();
    for (const timer of timers) timer.cancel();
  };
  const check = (): void => {
    if (finished || !items.every((item) => item.ready() || expired.has(item))) return;
    stop();
    done();
  };
  for (const item of items) {
    if (item.ready()) continue;
    stops.push(item.subscribe(check));
    if (item.timeoutMs === undefined) continue;
    const expire = (): void => {
      expired.add(item);
      check();
    };
    timers.push(clock.after(item.timeoutMs, expire));
  }
  check();
  return stop;
}

/** Envoy's default of `initial_fetch_timeout`; 0 means for ever. Milliseconds. */
export function fetchTimeoutMs(configuredMs: number | undefined): number | undefined {
  return configuredMs === undefined ? 15_000 : configuredMs || undefined;
}
