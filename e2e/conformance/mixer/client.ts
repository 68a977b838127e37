import {
  type AttributeBag,
  compressAttributes,
  compressInto,
  MutableBag,
  ReferenceShape,
  WordTable,
} from '@lateen/attributes';
import {
  addConnectionAttributes,
  addRequestAttributes,
  addResponseAttributes,
  addTcpReportAttributes,
  CheckCache,
  compileQuotaSpecs,
  readForwardedAttributes,
  ReportBatch,
  writeForwardedAttributes,
} from '@lateen/mixer-client';
import { fromJson, type Messages, toJson } from '@lateen/protos';
import { ManualClock } from '@lateen/runtime';
import { bagOf, plain, type Row, rows, same, type Tally, tally, valueOf } from './corpus.ts';

type Precondition = Messages['istio.mixer.v1.CheckResponse.PreconditionResult'];

interface CacheStep {
  readonly check?: unknown;
  readonly hit?: boolean;
  readonly code?: string;
  readonly store?: Record<string, unknown> | string;
  readonly for?: unknown;
  readonly atMs?: number | string;
  readonly repeat?: number;
}

const codes: Readonly<Record<string, number>> = { OK: 0, PERMISSION_DENIED: 7, UNAVAILABLE: 14 };

function preconditionOf(json: Record<string, unknown>): Precondition {
  const { status, ...rest } = json as { status?: { code: string } };
  return fromJson('istio.mixer.v1.CheckResponse.PreconditionResult', {
    ...rest,
    ...(status ? { status: { code: codes[status.code] } } : {}),
  });
}

function runCheckCache(row: Row): void {
  const cache = new CheckCache<number>(row.cacheEntries as number | undefined);
  const own = bagOf(row.attributes);
  for (const [index, step] of (row.steps as CacheStep[]).entries()) {
    if (typeof step.store === 'object') {
      const precondition = preconditionOf(step.store);
      const bag = step.for ? bagOf(step.for) : own;
      cache.keep(bag, precondition, precondition.status?.code ?? 0, Number(step.atMs ?? 0));
      continue;
    }
    if (step.store !== undefined) continue; // an answer without a precondition is never kept
    for (let round = 0; round < (step.repeat ?? 1); round += 1) {
      const now = typeof step.atMs === 'string' ? round * 1_000_000 : (step.atMs ?? 0);
      const found = cache.find(step.check ? bagOf(step.check) : own, now);
      same([index, found !== undefined], [index, step.hit]);
      if (step.code !== undefined) same([index, found], [index, codes[step.code]]);
    }
  }
}

function runReferenced(row: Row): void {
  const shape = ReferenceShape.of(fromJson('istio.mixer.v1.ReferencedAttributes', row.referenced));
  if ('fill' in row) same(shape !== undefined, row.fill);
  if ('signature' in row) same(shape?.signature(bagOf(row.attributes)) !== undefined, row.signature);
}

const compressed = 'istio.mixer.v1.CompressedAttributes';

function runCompressor(row: Row): void {
  if (row.attributes) {
    const message = compressAttributes(bagOf(row.attributes), { globalWordCount: 221 });
    return same(toJson(compressed, message), toJson(compressed, fromJson(compressed, row.expected)));
  }
  const table = new WordTable({ globalWordCount: 221 });
  const attributes = (row.batch as unknown[]).map((record) => compressInto(table, bagOf(record)));
  const expected = fromJson('istio.mixer.v1.ReportRequest', row.expected);
  same(
    attributes.map((message) => toJson(compressed, message)),
    (expected.attributes ?? []).map((message) => toJson(compressed, message)),
  );
  same(table.words, expected.defaultWords ?? []);
}

async function runBatch(row: Row): Promise<void> {
  const clock = new ManualClock(0);
  let calls = 0;
  const batch = new ReportBatch({
    maxRecords: row.maxEntries as number,
    maxDelayMs: row.maxTimeMs as number,
    maxWaiting: 1000,
    maxCalls: 100,
    clock,
    async send() {
      calls += 1;
    },
    dropped() {},
  });
  for (const step of row.steps as { report?: number; timer?: string; flush?: boolean; calls: number }[]) {
    for (let count = 0; count < (step.report ?? 0); count += 1) batch.add(new MutableBag());
    if (step.timer) clock.advance(row.maxTimeMs as number);
    if (step.flush) await batch.flush();
    same(calls, step.calls);
  }
}

function runQuotaSpec(row: Row): void {
  const select = compileQuotaSpecs([fromJson('istio.mixer.v1.config.client.QuotaSpec', row.quotaSpec)]);
  same(select(bagOf(row.attributes)), row.required);
}

/** Attributes that every request of ours has and the upstream tests leave out or clear. */
const clock = ['request.time', 'response.time', 'context.time'];

function sameBag(found: AttributeBag, expected: unknown, alsoFound: readonly string[] = []): void {
  const of = (bag: AttributeBag): object =>
    Object.fromEntries(
      [...bag.entries()]
        .filter(([name]) => !clock.includes(name) && !alsoFound.includes(name))
        .map(([name, value]) => [name, withoutPseudo(plain(value))]),
    );
  same(of(found), of(bagOf(expected)));
}

function withoutPseudo(value: unknown): unknown {
  const map = (value as { stringMap?: Record<string, string> }).stringMap;
  if (!map) return value;
  return { stringMap: Object.fromEntries(Object.entries(map).filter(([key]) => !key.startsWith(':'))) };
}

const bytesOf = (json: unknown): Uint8Array | undefined => {
  const value = json === undefined ? undefined : valueOf(json);
  return value?.kind === 'bytes' ? value.value : undefined;
};

function runRequest(row: Row): void {
  const input = row.input as Record<string, unknown> & {
    headers: { path: string; host: string };
    authn: Record<string, unknown> | null;
  };
  const bag = new MutableBag();
  // Lists of the authentication result (groups) are no attributes.
  const authenticated = Object.entries(input.authn ?? {}).filter(([, value]) => !Array.isArray(value));
  addRequestAttributes(bag, {
    headers: Object.entries(input.headers),
    method: '',
    path: input.headers.path,
    authority: input.headers.host,
    sourceIp: bytesOf(input.sourceIp),
    mutualTls: input.mtls as boolean,
    requestedServerName: input.requestedServerName as string,
    peerPrincipal: input.peerPrincipal as string,
    localPrincipal: input.localPrincipal as string,
    timeMs: 0,
    authenticated: authenticated.map(([name, value]) => [name, valueOf(value)] as const),
  });
  sameBag(bag, row.expected);
}

/** What only upstream's filters produce: RBAC's shadow result, filter state, static attributes, tracing headers. */
const foreign = [
  'rbac.permissive.effective_policy_id',
  'rbac.permissive.response_code',
  'foo.bar.com',
  'destination.uid',
  'request.headers',
  'check.error_code',
  'check.error_message',
];

function runResponse(row: Row): void {
  const input = row.input as Record<string, unknown> & {
    responseHeaders: Record<string, string>;
    info: Record<string, number> & { responseFlags: string };
    grpcStatus?: { status: string; message: string };
  };
  const bag = bagOf(input.presetAttributes);
  const { info } = input;
  addResponseAttributes(bag, {
    headers: Object.entries(input.responseHeaders),
    status: info.responseCode!,
    requestSize: info.requestBodySize!,
    requestTotalSize: info.requestTotalSize!,
    responseSize: info.responseBodySize!,
    responseTotalSize: info.responseTotalSize!,
    durationMs: info.durationNanos! / 1e6,
    timeMs: 0,
    flags: info.responseFlags,
    destinationIp: bytesOf(input.destinationIp),
    destinationPort: input.destinationPort as number,
    grpcStatus: input.grpcStatus?.status,
    grpcMessage: input.grpcStatus?.message,
  });
  sameBag(bag, row.expected, foreign);
}

function runTcp(row: Row, previous: { receivedBytes: number; sentBytes: number }): void {
  const input = row.input as Record<string, number> & {
    sourceIp?: unknown;
    mtls?: boolean;
    connectionId?: string;
    requestedServerName?: string;
  };
  const bag = new MutableBag();
  const destinationIp = bytesOf({ bytesText: '1.2.3.4' });
  if (row.phase === 'tcp check') {
    addConnectionAttributes(bag, {
      connectionId: input.connectionId!,
      sourceIp: bytesOf(input.sourceIp),
      mutualTls: input.mtls === true,
      requestedServerName: input.requestedServerName,
      peerPrincipal: undefined,
      localPrincipal: 'destination_user',
      timeMs: 0,
    });
    return sameBag(bag, row.expected, ['source.principal', 'source.namespace', 'source.user']);
  }
  const event = /open|close|continue/.exec(row.phase as string)![0] as 'open' | 'continue' | 'close';
  addTcpReportAttributes(bag, {
    event,
    previous,
    receivedBytes: input.receivedBytes!,
    sentBytes: input.sentBytes!,
    timeMs: 0,
    durationMs: input.durationNanos! / 1e6,
    destinationIp,
    destinationPort: 8080,
  });
  sameBag(bag, row.expected, foreign);
  Object.assign(previous, { receivedBytes: input.receivedBytes, sentBytes: input.sentBytes });
}

function runForward(row: Row): void {
  const [given] = Object.values(row.input as Record<string, unknown>);
  const header = writeForwardedAttributes(bagOf(given));
  sameBag(readForwardedAttributes(header ?? '')!, given);
}

async function attributeTally(): Promise<Tally> {
  const all = rows<Row>('mixer-client/attributes-builder.json');
  // The closing row stands before the others but happens last.
  const order = [...all].sort(
    (left, right) =>
      Number(String(left.phase).includes('close')) - Number(String(right.phase).includes('close')),
  );
  const previous = { receivedBytes: 0, sentBytes: 0 };
  return tally(order, (row) => {
    if (row.phase === 'check') return runRequest(row);
    if (row.phase === 'report') return runResponse(row);
    return row.phase === 'forward' ? runForward(row) : runTcp(row, previous);
  });
}

/** Upstream's server cache is one object over all rows; its answers are found by shape and value as ours are. */
async function serverCacheTally(): Promise<Tally> {
  const cache = new CheckCache<number>(10);
  const check = (row: Row): void => {
    const set = row.set as
      | {
          bag: unknown;
          value: {
            Expiration: string;
            ReferencedAttributes: unknown;
            StatusCode: number;
            ValidUseCount: number;
          };
        }
      | undefined;
    if (set) {
      const { Expiration, ReferencedAttributes, StatusCode, ValidUseCount } = set.value;
      const precondition = fromJson('istio.mixer.v1.CheckResponse.PreconditionResult', {
        referencedAttributes: ReferencedAttributes,
        validUseCount: ValidUseCount,
        validDuration: Expiration === 'past' ? '0s' : '3600s',
      });
      cache.keep(bagOf(set.bag), precondition, StatusCode, 0);
    }
    for (const get of row.gets as { bag: unknown; hit: boolean; clock?: string }[]) {
      const found = cache.find(bagOf(get.bag), get.clock ? 1e15 : 0);
      same(found !== undefined, get.hit);
    }
  };
  return tally(rows('mixer-wire/checkcache.json'), check);
}

/** Tallies of what the proxy's side does. */
export const clientTallies: Readonly<Record<string, () => Promise<Tally>>> = {
  'mixer-wire/checkcache': serverCacheTally,
  'mixer-client/check-cache': () => tally(rows('mixer-client/check-cache.json'), runCheckCache),
  'mixer-client/referenced': () => tally(rows('mixer-client/referenced.json'), runReferenced),
  'mixer-client/attribute-compressor': () =>
    tally(rows('mixer-client/attribute-compressor.json'), runCompressor),
  'mixer-client/report-batch': () => tally(rows('mixer-client/report-batch.json'), runBatch),
  'mixer-client/quota-spec': () => tally(rows('mixer-client/quota-spec.json'), runQuotaSpec),
  'mixer-client/attributes-builder': attributeTally,
};
