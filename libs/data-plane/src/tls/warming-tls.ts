import type { WarmingItem } from '../resources/warming.ts';
import type { WatchedMaterial } from './tls-material.ts';

/** A TLS context as something to wait for. */
export function warmingTls(tls: Pick<WatchedMaterial, 'material' | 'initialFetchTimeoutMs'>): WarmingItem {
  return {
    ready: () => tls.material.current !== undefined,
    subscribe: (listener) => tls.material.subscribe(listener),
    timeoutMs: tls.initialFetchTimeoutMs,
  };
}
