import type { Clock, Timer } from '@lateen/runtime';
import type { Catalog } from '../store/catalog.ts';
import { type CatalogEvent, type KubernetesObject, typeOf } from '../store/catalog-entry.ts';
import { failureBody } from './api-status.ts';
import type { ObjectApi } from './object-api.ts';
import { apiVersionOf, inScope, present, type ResourceTarget } from './resource-target.ts';
import type { Selector } from './selector.ts';

/** Where watch events go. */
export interface WatchSink {
  /** Writes one line. `false`: the reader is behind. */
  write(line: string): boolean;
  /** Bytes written that the reader hasn't taken. */
  readonly pendingBytes: number;
  end(): void;
}

/** What is watched. */
export interface WatchOptions {
  readonly catalog: Catalog;
  readonly api: ObjectApi;
  readonly target: ResourceTarget;
  readonly selectors: readonly Selector[];
  /** Go on after this revision; absent or `0`: begin with all objects. */
  readonly resourceVersion: string | undefined;
  readonly bookmarks: boolean;
  /** All objects come first, and a bookmark says where they end: client-go's watch-list. */
  readonly initialEvents: boolean;
  /** Form of an object on the wire. */
  readonly render: (object: KubernetesObject) => KubernetesObject;
  /** The watch ends after this, as a client's `timeoutSeconds` says. Milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** A reader that is this far behind is cut off; it resumes by its last resourceVersion. Bytes. */
const maxPendingBytes = 16 * 1024 * 1024;
const bookmarkIntervalMs = 10_000;

/**
 * Writes watch events as lines of JSON until the timeout or `stop`. An object that enters or leaves the selection by a
 * change of its labels is ADDED or DELETED. Source: Kubernetes API concepts, "Efficient detection of changes".
 */
export function startWatch(sink: WatchSink, options: WatchOptions): { stop(): void } {
  const { catalog, api, target, selectors, clock, render } = options;
  const type = typeOf(target.kind);
  /** Objects that the reader believes to be in its selection. */
  const shown = new Set<string>();
  const timers = new Set<Timer>();
  let stopped = false;

  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    unsubscribe();
    for (const timer of timers) timer.cancel();
    sink.end();
  };
  const send = (said: string, object: unknown): void => {
    sink.write(`${JSON.stringify({ type: said, object })}\n`);
    if (sink.pendingBytes > maxPendingBytes) stop();
  };
  const selected = (event: CatalogEvent): boolean => selectors.every((selector) => selector(event.entry));
  const forward = (events: readonly CatalogEvent[]): void => {
    for (const event of events) {
      if (stopped) return;
      const { entry } = event;
      if (entry.type !== type || !inScope(entry, target)) continue;
      const was = shown.has(entry.key);
      const is = event.type !== 'DELETED' && selected(event);
      if (is) shown.add(entry.key);
      else shown.delete(entry.key);
      if (!was && !is) continue;
      const said = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
      const object = present(entry, target);
      // A deletion's resourceVersion is that of the deletion, so that a watch resumes after it.
      const metadata = { ...object.metadata, resourceVersion: String(event.revision) };
      send(said, render({ ...object, metadata }));
    }
  };
  const sendBookmark = (annotations?: { readonly [key: string]: string }): void => {
    const metadata = { resourceVersion: String(catalog.revision), ...(annotations ? { annotations } : {}) };
    send('BOOKMARK', { kind: target.kind.kind, apiVersion: apiVersionOf(target), metadata });
  };
  const bookmark = (): void => {
    sendBookmark();
    timers.add(clock.after(bookmarkIntervalMs, bookmark));
  };

  let unsubscribe = (): void => {};
  const { resourceVersion } = options;
  const fromStart = options.initialEvents || resourceVersion === undefined || Number(resourceVersion) === 0;
  if (fromStart) {
    for (const entry of api.selected(target, selectors)) {
      shown.add(entry.key);
      send('ADDED', render(present(entry, target)));
    }
    if (options.initialEvents && options.bookmarks) sendBookmark({ 'k8s.io/initial-events-end': 'true' });
  } else {
    const past = catalog.eventsSince(Number(resourceVersion));
    if (past === 'gone') {
      const message = `too old resource version: ${resourceVersion} (current: ${catalog.revision})`;
      send('ERROR', failureBody('Expired', message));
      sink.end();
      return { stop() {} };
    }
    for (const key of keysAt(options, past)) shown.add(key);
    forward(past);
  }
  if (stopped) return { stop };
  unsubscribe = catalog.subscribe((_revision, events) => forward(events));
  timers.add(clock.after(options.timeoutMs, stop));
  if (options.bookmarks) timers.add(clock.after(bookmarkIntervalMs, bookmark));
  return { stop };
}

/**
 * What the selection held at the revision that a watch resumes from: today's, undone by the events since. An object
 * that changed since is taken as shown unless it was added since; showing it anew is a MODIFIED that does no harm.
 */
function keysAt({ api, target, selectors }: WatchOptions, past: readonly CatalogEvent[]): Set<string> {
  const keys = new Set(api.selected(target, selectors).map((entry) => entry.key));
  for (const event of [...past].reverse()) {
    if (event.entry.type !== typeOf(target.kind)) continue;
    if (event.type === 'ADDED') keys.delete(event.entry.key);
    else keys.add(event.entry.key);
  }
  return keys;
}
