import type { AttributeValue } from '@lateen/attributes';
import {
  adapters,
  type AdapterSurroundings,
  bucketBounds,
  LineWriter,
  limitFor,
  MemQuota,
  MetricStore,
  RollingWindow,
} from '@lateen/mixer';
import {
  createDenier,
  createList,
  denierType,
  type Instance,
  listType,
  type TypedValue,
} from '@lateen/mixer-rules';
import { durationMs, fromJson, type Json } from '@lateen/protos';
import { ManualClock, MetricsRegistry, silentLogger } from '@lateen/runtime';
import { type Row, rows, same, type Tally, tally, valueOf } from './corpus.ts';

const types = {
  string: 'STRING',
  int64: 'INT64',
  double: 'DOUBLE',
  bool: 'BOOL',
  bytes: 'IP_ADDRESS',
  timestamp: 'TIMESTAMP',
  duration: 'DURATION',
  stringMap: 'STRING_MAP',
} as const satisfies Record<AttributeValue['kind'], TypedValue['type']>;

function typed(json: unknown): TypedValue {
  const { kind, value } = valueOf(json);
  return { type: types[kind], value };
}

function instanceOf(
  template: string,
  name: string,
  parts: { values?: object; maps?: Record<string, object> },
): Instance {
  const of = (entries: object): Map<string, TypedValue> =>
    new Map(Object.entries(entries).map(([key, json]) => [key, typed(json)]));
  return {
    template,
    name,
    values: of(parts.values ?? {}),
    maps: new Map(Object.entries(parts.maps ?? {}).map(([field, entries]) => [field, of(entries)])),
  };
}

function decoded<C>(
  type: {
    decode(params: {
      readonly [key: string]: Json;
    }): { config: C } | { complaints: readonly { message: string }[] };
  },
  config: unknown,
): C {
  const result = type.decode(config as { readonly [key: string]: Json });
  if ('complaints' in result) throw new Error(result.complaints.map(({ message }) => message).join('; '));
  return result.config;
}

const codes = { OK: 0, INVALID_ARGUMENT: 3, PERMISSION_DENIED: 7, FAILED_PRECONDITION: 9 } as const;

async function runDenier(row: Row): Promise<void> {
  const handler = createDenier(decoded(denierType, row.config));
  const instance = instanceOf(row.template as string, 'i', {});
  const expected = row.expected as {
    status?: { code: keyof typeof codes };
    validDuration: string;
    validUseCount?: number;
    amount?: number;
  };
  if (row.template === 'quota') {
    const result = await handler.quota!(instance, { amount: 100, bestEffort: false, deduplicationId: '' });
    return same([result.amount, result.validDurationMs], [expected.amount, 0]);
  }
  const result = await handler.check!(instance);
  same(
    [result.code, `${result.validDurationMs / 1000}s`, result.validUseCount],
    [codes[expected.status!.code], expected.validDuration, expected.validUseCount],
  );
}

/** Lists that upstream serves over HTTP stand in the configuration here: their entries count as overrides. */
async function runListCheck(row: Row): Promise<void> {
  const {
    providerUrl: _url,
    refreshInterval: _interval,
    ttl: _ttl,
    overrides = [],
    ...config
  } = row.config as { overrides?: string[] } & Record<string, unknown>;
  const served = row.served as { yaml?: { whitelist: string[] }; text?: string } | null;
  const entries = [...(served?.yaml?.whitelist ?? served?.text?.split('\n') ?? []), ...overrides];
  const handler = createList(decoded(listType, { ...config, overrides: entries }));
  const result = await handler.check!(
    instanceOf('listentry', 'i', { values: { value: row.value as string } }),
  );
  const expected = row.expected as { code: keyof typeof codes; message: string };
  same([result.code, result.message], [codes[expected.code], expected.message]);
}

function runListValidate(row: Row): void {
  same('config' in listType.decode(row.config as { readonly [key: string]: Json }), row.valid);
}

interface QuotaStep {
  readonly quota: string;
  readonly atSeconds?: number;
  readonly reap?: boolean;
  readonly alloc?: {
    dedupId: string;
    amount: number;
    bestEffort?: boolean;
    granted: number;
    validDuration?: string;
  };
  readonly release?: { dedupId: string; amount: number; granted: number };
}

function runQuotaSequence(row: Row): void {
  const clock = new ManualClock(0);
  const config = decoded(adapters.get('memquota')!, row.config) as ConstructorParameters<typeof MemQuota>[0];
  const quota = new MemQuota(config, clock);
  for (const step of row.steps as QuotaStep[]) {
    if (step.reap) {
      quota.reap();
      continue;
    }
    clock.advance((step.atSeconds ?? 0) * 1000 - clock.now());
    const instance = instanceOf('quota', step.quota, {
      maps: { dimensions: (row.dimensions ?? {}) as object },
    });
    for (const call of [step.alloc, step.release]) {
      if (!call) continue;
      const result = quota.quota(instance, {
        deduplicationId: call.dedupId,
        amount: call.amount,
        bestEffort: 'bestEffort' in call && call.bestEffort === true,
      });
      same([call.dedupId, result.amount], [call.dedupId, call.granted]);
      if ('validDuration' in call && call.validDuration !== undefined) {
        const expected = valueOf({ duration: call.validDuration });
        same(
          [call.dedupId, result.validDurationMs],
          [call.dedupId, expected.kind === 'duration' ? durationMs(expected.value) : 0],
        );
      }
    }
  }
  quota.close();
}

function runMemquota(row: Row): void {
  switch (row.kind) {
    case 'sequence':
      return runQuotaSequence(row);
    case 'limit': {
      const quota = fromJson('adapter.memquota.config.Params.Quota', row.quota);
      const instance = instanceOf('quota', 'q', { maps: { dimensions: row.dimensions as object } });
      return same(limitFor(quota, instance).maxAmount, row.limit);
    }
    case 'validate': {
      const memquota = adapters.get('memquota')!;
      const result = memquota.decode(row.config as { readonly [key: string]: Json });
      const refused = ((row.quotaTypes ?? []) as string[]).some(
        (name) => 'config' in result && memquota.accepts?.(result.config, name) !== undefined,
      );
      return same('config' in result && !refused, row.valid);
    }
    default: {
      const window = new RollingWindow(row.limit as number, row.ticks as number);
      for (const step of row.steps as Record<string, number | string | boolean>[]) {
        if (step.op === 'alloc') same(window.alloc(step.amount as number, step.tick as number), step.ok);
        else {
          window.alloc(step.allocAmount as number, step.allocTick as number);
          same(window.release(step.releaseAmount as number, step.releaseTick as number), step.released);
        }
        same(window.available, step.available);
      }
    }
  }
}

function surroundings(lines: string[] = [], store = new MetricStore()): AdapterSurroundings {
  const metrics = new MetricsRegistry();
  const stream = { writableLength: 0, write: (text: string) => lines.push(text) > 0 };
  const writer = new LineWriter(stream, metrics.counter('dropped', 'Dropped'));
  return { clock: new ManualClock(0), logger: silentLogger, metrics, store, stdout: writer, stderr: writer };
}

/** Series of an exposition without help texts, sorted: what a scraper stores. */
const series = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) =>
      line.replace(/\{(.*)\}/, (_all, labels: string) => `{${labels.split(',').sort().join(',')}}`),
    )
    .sort();

const recordStore = new MetricStore();

async function runPrometheus(row: Row): Promise<void> {
  const prometheus = adapters.get('prometheus')!;
  if (row.kind === 'buckets') return same(bucketBounds(row.buckets as never), row.want);
  if (row.kind === 'expirationPolicy') {
    const result = prometheus.decode(row.policy ? { metricsExpirationPolicy: row.policy as Json } : {});
    return same('config' in result, row.ok);
  }
  const result = prometheus.decode({ metrics: row.metrics as Json });
  if (row.kind === 'build') return same('config' in result, row.ok);
  const handler = prometheus.create(
    decoded(prometheus, { metrics: row.metrics }),
    surroundings([], recordStore),
  );
  const instances = (row.instances as { Name: string; Value: unknown; Dimensions: object }[]).map(
    ({ Name, Value, Dimensions }) =>
      instanceOf('metric', Name, { values: { value: Value }, maps: { dimensions: Dimensions } }),
  );
  let ok = true;
  try {
    await handler.report!(instances);
  } catch {
    ok = false;
  }
  same(ok, row.ok);
  if (row.observedExposition) {
    // Series of histograms without values show at once here; upstream only once they have some.
    const found = series(await recordStore.text());
    const missing = series(row.observedExposition as string).filter((line) => !found.includes(line));
    same(missing, []);
  }
}

async function runStdio(row: Row): Promise<void> {
  const stdio = adapters.get('stdio')!;
  if (row.kind === 'validate') {
    return same(
      'config' in stdio.decode({ logStream: row.stream as string, outputPath: row.outputPath as string }),
      row.result,
    );
  }
  if (row.kind === 'build')
    return same(
      'config' in stdio.decode(row.config as { readonly [key: string]: Json }) && !row.induceError,
      row.success,
    );
  const lines: string[] = [];
  const isMetric = row.kind === 'metric';
  const metricLevel = String((row.expected as string[])[0]).includes('warn') ? 'WARNING' : 'INFO';
  const config = decoded(stdio, { outputAsJson: row.json as boolean, metricLevel });
  const handler = stdio.create(config, surroundings(lines));
  const instances = (row.instances as Record<string, unknown>[]).map((instance) =>
    instanceOf(isMetric ? 'metric' : 'logentry', instance.Name as string, {
      values: isMetric
        ? { value: instance.Value }
        : { severity: instance.Severity, timestamp: { timestamp: '0001-01-01T00:00:00Z' } },
      maps: isMetric
        ? { dimensions: (instance.Dimensions ?? {}) as object }
        : { variables: (instance.Variables ?? {}) as object },
    }),
  );
  await handler.report!(instances);
  // A metric has no time of its own: upstream's zero time is the clock's here.
  const found = lines
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll('1970-01-01T00:00:00.000000Z', '0001-01-01T00:00:00.000000Z'));
  same(found, row.expected);
}

/** Tallies of the adapters. */
export const adapterTallies: Readonly<Record<string, () => Promise<Tally>>> = {
  'mixer-adapters/denier': () => tally(rows('mixer-adapters/denier.json'), runDenier),
  'mixer-adapters/list': () =>
    tally(
      rows<Row>('mixer-adapters/list.json').filter(({ kind }) => kind !== 'fetch'),
      (row) => (row.kind === 'check' ? runListCheck(row) : runListValidate(row)),
    ),
  'mixer-adapters/memquota': () => tally(rows('mixer-adapters/memquota.json'), runMemquota),
  'mixer-adapters/prometheus': () =>
    tally(
      rows<Row>('mixer-adapters/prometheus.json').filter(({ kind }) => kind !== 'expiry'),
      runPrometheus,
    ),
  'mixer-adapters/stdio': () => tally(rows('mixer-adapters/stdio.json'), runStdio),
};
