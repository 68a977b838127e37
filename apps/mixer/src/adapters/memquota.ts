import {
  type DecodedParams,
  decodeParams,
  type Handler,
  type Instance,
  type QuotaArguments,
  type QuotaResult,
  refuse,
  valueText,
} from '@lateen/mixer-rules';
import {
  type adapter_memquota_config_Params,
  type adapter_memquota_config_Params_Quota,
  durationMs,
} from '@lateen/protos';
import type { Clock, Timer } from '@lateen/runtime';
import { type Adapter, defineAdapter } from './adapter.ts';
import { RollingWindow } from './rolling-window.ts';

/** Windows are counted in ticks of this length. Milliseconds. */
const tickMs = 100;

/** Longest window, so that one quota's memory is bounded: a day. */
const longestWindowMs = 24 * 3_600_000;

/** Dimensions may come from requests: so many of their combinations are kept, and so many deduplication ids. */
const mostKeys = 100_000;

/** Quotas in this process's memory. Source: istio/istio `mixer/adapter/memquota`. */
export const memquota: Adapter = defineAdapter<adapter_memquota_config_Params>({
  name: 'memquota',
  templates: ['quota'],
  decode(params): DecodedParams<adapter_memquota_config_Params> {
    const decoded = decodeParams('adapter.memquota.config.Params', params);
    if ('complaints' in decoded) return decoded;
    const { config } = decoded;
    if ((durationMs(config.minDeduplicationDuration) ?? 1) <= 0) {
      return refuse('spec.params.minDeduplicationDuration', 'must be longer than 0');
    }
    for (const [index, quota] of (config.quotas ?? []).entries()) {
      const path = `spec.params.quotas[${index}]`;
      if (!quota.name) return refuse(`${path}.name`, 'a quota needs the full name of its instance');
      for (const limit of [quota, ...(quota.overrides ?? [])]) {
        if ((limit.maxAmount ?? 0) < 0) return refuse(`${path}.maxAmount`, 'must not be negative');
        const window = durationMs(limit.validDuration) ?? 0;
        if (window < 0 || window > longestWindowMs)
          return refuse(`${path}.validDuration`, 'must be from 0 to 24h');
      }
    }
    return decoded;
  },
  accepts: (config, instance) =>
    config.quotas?.some(({ name }) => name === instance)
      ? undefined
      : `did not find limit defined for quota ${instance}`,
  create: (config, { clock }) => new MemQuota(config, clock),
});

interface Grant {
  readonly amount: number;
  /** Monotonic milliseconds; `undefined` for a counter, whose grants never lapse. */
  readonly expiresAt: number | undefined;
}

/** The limit that holds for an instance: the first override whose dimensions all match, or the quota itself. */
export function limitFor(
  quota: adapter_memquota_config_Params_Quota,
  instance: Instance,
): { readonly maxAmount: number; readonly windowMs: number } {
  const dimensions = instance.maps.get('dimensions');
  const override = (quota.overrides ?? []).find(({ dimensions: wanted = {} }) =>
    Object.keys(wanted).every((name) => {
      const value = dimensions?.get(name);
      return value !== undefined && valueText(value) === wanted[name];
    }),
  );
  const { maxAmount = 0, validDuration } = override ?? quota;
  return { maxAmount, windowMs: durationMs(validDuration) ?? 0 };
}

/** Handler that counts in memory. Its deduplication ids last for one to two of its minimal durations. */
export class MemQuota implements Handler {
  readonly #quotas: ReadonlyMap<string, adapter_memquota_config_Params_Quota>;
  readonly #clock: Clock;
  readonly #minDeduplicationMs: number;
  readonly #counters = new Map<string, number>();
  readonly #windows = new Map<string, RollingWindow>();
  #recent = new Map<string, Grant>();
  #old = new Map<string, Grant>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(config: adapter_memquota_config_Params, clock: Clock) {
    this.#quotas = new Map((config.quotas ?? []).map((quota) => [quota.name ?? '', quota]));
    this.#clock = clock;
    this.#minDeduplicationMs = durationMs(config.minDeduplicationDuration) ?? 1000;
    this.#scheduleReap();
  }

  quota(instance: Instance, request: QuotaArguments): QuotaResult {
    const quota = this.#quotas.get(instance.name);
    if (!quota) throw new Error(`did not find limit defined for quota ${instance.name}`);
    const now = this.#clock.monotonic();
    const { deduplicationId } = request;
    let grant =
      deduplicationId === ''
        ? undefined
        : (this.#recent.get(deduplicationId) ?? this.#old.get(deduplicationId));
    if (!grant) {
      grant = this.#grant(quota, instance, request, now);
      if (deduplicationId !== '') this.#remember(deduplicationId, grant);
    }
    return {
      amount: grant.amount,
      validDurationMs: grant.expiresAt === undefined ? 0 : Math.max(0, grant.expiresAt - now),
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Forgets deduplication ids that are older than one minimal duration. */
  reap(): void {
    this.#old = this.#recent;
    this.#recent = new Map();
  }

  #scheduleReap(): void {
    this.#timer = this.#clock.after(this.#minDeduplicationMs, () => {
      this.reap();
      if (!this.#closed) this.#scheduleReap();
    });
  }

  #remember(id: string, grant: Grant): void {
    if (this.#recent.size >= mostKeys) this.reap();
    this.#recent.set(id, grant);
  }

  #grant(
    quota: adapter_memquota_config_Params_Quota,
    instance: Instance,
    request: QuotaArguments,
    now: number,
  ): Grant {
    const { maxAmount, windowMs } = limitFor(quota, instance);
    const key = keyOf(instance);
    return windowMs === 0
      ? { amount: this.#count(key, maxAmount, request), expiresAt: undefined }
      : this.#roll(key, { maxAmount, windowMs }, request, now);
  }

  #count(key: string, maxAmount: number, { amount, bestEffort }: QuotaArguments): number {
    const used = this.#counters.get(key) ?? 0;
    if (amount < 0) {
      const released = Math.min(used, -amount);
      put(this.#counters, key, used - released);
      return released;
    }
    const granted = used + amount <= maxAmount ? amount : bestEffort ? Math.max(0, maxAmount - used) : 0;
    put(this.#counters, key, used + granted);
    return granted;
  }

  #roll(
    key: string,
    { maxAmount, windowMs }: { readonly maxAmount: number; readonly windowMs: number },
    { amount, bestEffort }: QuotaArguments,
    now: number,
  ): Grant {
    const tick = Math.floor(now / tickMs);
    const window = this.#windows.get(key) ?? new RollingWindow(maxAmount, Math.ceil(windowMs / tickMs));
    put(this.#windows, key, window);
    if (amount < 0) return { amount: window.release(-amount, tick), expiresAt: undefined };
    let granted = amount;
    if (!window.alloc(granted, tick)) {
      granted = bestEffort ? window.available : 0;
      if (granted <= 0 || !window.alloc(granted, tick)) return { amount: 0, expiresAt: undefined };
    }
    return { amount: granted, expiresAt: granted > 0 ? now + windowMs : undefined };
  }
}

/** Sets an entry and puts it at the end; the entry at the front, unused for longest, makes room. */
function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > mostKeys) map.delete(map.keys().next().value!);
}

/** Name and dimensions of an instance as one text. The lengths keep neighbours apart. */
function keyOf(instance: Instance): string {
  let key = instance.name;
  const dimensions = [...(instance.maps.get('dimensions') ?? [])].sort(([left], [right]) =>
    left < right ? -1 : 1,
  );
  for (const [name, value] of dimensions) {
    const text = valueText(value);
    key += `;${name.length}:${name}=${value.type}:${text.length}:${text}`;
  }
  return key;
}
