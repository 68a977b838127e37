import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deltaOf, SinkSession, SourceSession, versionsAfter } from '@lateen/mcp';
import type {
  istio_mcp_v1alpha1_RequestResources as RequestResources,
  istio_mcp_v1alpha1_Resource as Resource,
  istio_mcp_v1alpha1_Resources as Resources,
} from '@lateen/protos';
import { describe, expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../../../shared/corpora/mcp');
const present = existsSync(folder);
const garbage = 'type.googleapis.com/istio.io.galley.pkg.mcp.server.UnmarshalErrorType';
const node = { id: 'test-node', annotations: { foo: 'bar' } };
const fakeType = (index: number): string => `istio/io/galley/pkg/mcp/server/FakeType${index}`;

interface CorpusResource {
  readonly metadata: { name: string; version: string };
  readonly body?: { typeUrl: string; valueText: string };
}

type CorpusResources = Omit<Resources, 'resources'> & { readonly resources?: readonly CorpusResource[] };

interface DeltaRow {
  readonly id: string;
  readonly acked: Record<string, string>;
  readonly current: readonly CorpusResource[];
  readonly wantAdded: readonly CorpusResource[];
  readonly wantRemoved?: readonly string[];
}

interface TrackRow {
  readonly id: string;
  readonly current: Record<string, string>;
  readonly resources: CorpusResources;
  readonly want: Record<string, string>;
}

interface SinkStepRow {
  readonly id: string;
  readonly resources: CorpusResources;
  readonly updateError?: string;
  readonly wantChange?: { collection: string; incremental: boolean; objects?: readonly { body: string }[] };
  /** Absent where the transport fails before or while it is sent. */
  readonly wantRequest?: RequestResources;
  readonly recvError?: unknown;
}

interface SinkRow {
  readonly id: string;
  readonly supportedCollections: readonly string[];
  readonly steps: readonly SinkStepRow[];
}

interface SourceStepRow {
  readonly id: string;
  readonly inject: { collection: string; version: string; resources?: readonly CorpusResource[] };
  readonly wantResources: CorpusResources;
  readonly request: RequestResources;
}

interface SourceRow {
  readonly id: string;
  readonly incrementalEnabled: boolean;
  readonly steps: readonly SourceStepRow[];
}

function rows<R>(file: string): R[] {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as R[];
}

function resource(row: CorpusResource): Resource {
  if (!row.body) return { metadata: row.metadata };
  const value = new TextEncoder().encode(row.body.valueText);
  return { metadata: row.metadata, body: { type_url: row.body.typeUrl, value } };
}

function message(row: CorpusResources): Resources {
  return { ...row, resources: (row.resources ?? []).map(resource) };
}

const byName = (list: readonly CorpusResource[]): Map<string, Resource> =>
  new Map(list.map((row) => [row.metadata.name, resource(row)]));

/** A message without what is empty or false: proto3 readers can't tell that from absent. */
function normal(found: Resources | undefined): unknown {
  if (!found) return undefined;
  const { incremental, removedResources, resources, ...rest } = found;
  const sorted = [...(resources ?? [])].sort((a, b) =>
    (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1,
  );
  return {
    ...rest,
    ...(incremental ? { incremental } : {}),
    ...(removedResources?.length ? { removedResources: [...removedResources].sort() } : {}),
    ...(sorted.length ? { resources: sorted } : {}),
  };
}

/** Upstream compares only the code of a NACK. */
function answer(request: RequestResources): unknown {
  const { errorDetail, ...rest } = request;
  return errorDetail ? { ...rest, errorDetail: { code: errorDetail.code } } : rest;
}

function sinkOf(collections: readonly string[]): SinkSession<string> {
  return new SinkSession({
    node,
    collections,
    incremental: false,
    decode(_collection, { body }) {
      if (body?.type_url === garbage) throw new Error('unmarshal error');
      return new TextDecoder().decode(body?.value);
    },
  });
}

/** Steps of one kind of row: how many agree. A row's later steps count only when its earlier ones held. */
const drivers: Record<string, () => { passed: number; failures: string[] }> = {
  delta: () =>
    tally(rows<DeltaRow>('delta.json'), (row) => {
      const found = deltaOf(byName(row.current), new Map(Object.entries(row.acked)));
      expect(found.updated).toEqual(row.wantAdded.map(resource));
      expect(found.removed).toEqual(row.wantRemoved ?? []);
    }),
  'version-tracking': () =>
    tally(rows<TrackRow>('version-tracking.json'), (row) => {
      const found = versionsAfter(new Map(Object.entries(row.current)), message(row.resources));
      expect(Object.fromEntries(found)).toEqual(row.want);
    }),
  sink: () => {
    const steps = rows<SinkRow>('sink-scenarios.json').map((row) => {
      const sink = sinkOf(row.supportedCollections);
      const received = row.steps.filter((step) => step.recvError === undefined);
      return received.map((step) => ({ id: step.id, run: () => sinkStep(sink, step) }));
    });
    return tally(steps.flat(), (step) => step.run());
  },
  source: () => {
    const steps = rows<SourceRow>('source-scenarios.json').map((row) => {
      const collections = new Set([fakeType(0), fakeType(1), fakeType(2)]);
      const source = new SourceSession({ collections, incremental: row.incrementalEnabled });
      return row.steps.map((step, index) => ({
        id: step.id,
        run() {
          const { incremental } = step.request;
          // Upstream injects each answer together with the request that it answers, so this step's form decides
          // whether its push is incremental: the request before it must have asked for that form.
          const before = index === 0 ? { collection: step.inject.collection } : row.steps[index - 1]!.request;
          source.receive({ ...before, ...(incremental ? { incremental } : { incremental: false }) });
          const { collection, version } = step.inject;
          source.offer(new Map([[collection, { version, resources: byName(step.inject.resources ?? []) }]]));
          expect(normal(source.next())).toEqual(normal(message(step.wantResources)));
          expect(source.next()).toBeUndefined();
        },
      }));
    });
    return tally(steps.flat(), (step) => step.run());
  },
  protocol: () => tally(protocol, (step) => step.run()),
};

function sinkStep(sink: SinkSession<string>, row: SinkStepRow): void {
  const before = new Map(sink.states);
  const step = sink.receive(message(row.resources));
  if (step.kind === 'nack') {
    expect(answer(step.request)).toEqual(row.wantRequest);
    return expect(new Map(sink.states)).toEqual(before);
  }
  if (row.updateError) {
    expect(answer(step.refuse(row.updateError))).toEqual(row.wantRequest);
    return expect(new Map(sink.states)).toEqual(before);
  }
  const request = answer(step.accept());
  if (row.wantRequest) expect(request).toEqual(row.wantRequest);
  expect(step.change.collection).toBe(row.wantChange?.collection);
  expect(step.change.incremental).toBe(row.wantChange?.incremental);
  expect([...step.change.state.objects.values()]).toEqual(
    (row.wantChange?.objects ?? []).map((object) => object.body),
  );
}

/** Rows of protocol-scenarios.json that concern the state machines, written out; the transport's are the rpc room's. */
const protocol: readonly { id: string; run: () => void }[] = [
  {
    id: 'source-WatchBeforeResponsesAvailable',
    run() {
      const source = sourceOf();
      source.receive({ collection: fakeType(0) });
      expect(source.next()).toBeUndefined();
      source.offer(snapshotOf(['1']));
      expect(source.next()).toMatchObject({ collection: fakeType(0), nonce: '1', systemVersionInfo: '1' });
    },
  },
  {
    id: 'source-UnsupportedType',
    run: () => expect(sourceOf().receive({ collection: 'unsupportedtype' })).toEqual({ kind: 'unsupported' }),
  },
  {
    id: 'source-StaleNonce',
    run() {
      const source = sourceOf();
      source.offer(snapshotOf(['1']));
      source.receive({ collection: fakeType(0) });
      expect(source.next()).toMatchObject({ nonce: '1', systemVersionInfo: '1' });
      source.offer(snapshotOf(['2']));
      const errorDetail = { code: 3 };
      expect(source.receive({ collection: fakeType(0), responseNonce: 'stale0' })).toEqual({ kind: 'stale' });
      expect(source.receive({ collection: fakeType(0), responseNonce: 'stale1', errorDetail })).toEqual({
        kind: 'stale',
      });
      expect(source.next()).toBeUndefined();
      expect(source.receive({ collection: fakeType(0), responseNonce: '1' })).toEqual({
        kind: 'acknowledged',
      });
      expect(source.next()).toMatchObject({ nonce: '2', systemVersionInfo: '2' });
    },
  },
  {
    id: 'source-ConcurrentRequestsForMultipleTypes',
    run() {
      const source = sourceOf();
      source.offer(snapshotOf(['1', '2', '3']));
      for (const index of [0, 1, 2]) source.receive({ collection: fakeType(index) });
      const sent = [source.next(), source.next(), source.next()];
      expect(sent.map((push) => push?.nonce)).toEqual(['1', '2', '3']);
      expect(new Set(sent.map((push) => push?.systemVersionInfo))).toEqual(new Set(['1', '2', '3']));
    },
  },
  {
    id: 'sink-ServerFirstUpdate',
    run() {
      const sink = sinkOf([fakeType(0)]);
      const resources = ['a', 'b'].map((name) => ({ metadata: { name, version: 'v0' } }));
      const step = sink.receive({ collection: fakeType(0), nonce: 'n0', resources });
      expect(step.kind === 'change' && [...step.change.changed]).toEqual(['a', 'b']);
    },
  },
  {
    id: 'sink-CreateInitialRequests-full',
    run: () =>
      expect(sinkOf([fakeType(0), fakeType(1)]).initialRequests()).toEqual([
        { collection: fakeType(0), sinkNode: node },
        { collection: fakeType(1), sinkNode: node },
      ]),
  },
  {
    id: 'sink-CreateInitialRequests-incremental',
    run() {
      const sink = new SinkSession({ node, collections: [fakeType(0)], incremental: true, decode: () => '' });
      const first = {
        collection: fakeType(0),
        nonce: '1',
        resources: [{ metadata: { name: 'foo', version: 'v1' } }],
      };
      const step = sink.receive(first);
      if (step.kind === 'change') step.accept();
      expect(sink.initialRequests()).toEqual([
        {
          collection: fakeType(0),
          sinkNode: node,
          incremental: true,
          initialResourceVersions: { foo: 'v1' },
        },
      ]);
    },
  },
  {
    id: 'snapshot-CreateWatch',
    run() {
      const source = sourceOf();
      source.offer(snapshotOf(['1', '1', '1']));
      for (const index of [0, 1, 2]) source.receive({ collection: fakeType(index) });
      const first = [source.next(), source.next(), source.next()];
      for (const push of first)
        source.receive({ collection: push!.collection!, responseNonce: push!.nonce! });
      expect(source.next()).toBeUndefined();
      source.offer(snapshotOf(['1', '2', '1']));
      expect(source.next()).toMatchObject({ collection: fakeType(1), systemVersionInfo: '2' });
      expect(source.next()).toBeUndefined();
    },
  },
  {
    id: 'snapshot-ClearSnapshot',
    run() {
      const source = sourceOf();
      source.offer(new Map());
      source.receive({ collection: fakeType(0) });
      expect(source.next()).toBeUndefined();
      source.offer(snapshotOf(['7']));
      expect(source.next()).toMatchObject({ systemVersionInfo: '7' });
    },
  },
];

function sourceOf(): SourceSession {
  return new SourceSession({
    collections: new Set([fakeType(0), fakeType(1), fakeType(2)]),
    incremental: false,
  });
}

/** Snapshot with one resource a collection; the versions are those of FakeType0, 1, 2. */
function snapshotOf(
  versions: readonly string[],
): Map<string, { version: string; resources: Map<string, Resource> }> {
  return new Map(
    versions.map((version, index) => {
      const resources = byName([{ metadata: { name: 'a', version } }]);
      return [fakeType(index), { version, resources }];
    }),
  );
}

function tally<R extends { readonly id: string }>(all: readonly R[], check: (row: R) => void) {
  const result = { passed: 0, failures: [] as string[] };
  for (const row of all) {
    try {
      check(row);
      result.passed += 1;
    } catch (error) {
      result.failures.push(
        `${row.id}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 400),
      );
    }
  }
  return result;
}

function floors(): Record<string, number> {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    mcp?: Record<string, number>;
  };
  return all.mcp ?? {};
}

if (!present) process.stderr.write('conformance/mcp: the corpora are absent, its cases are not run\n');

describe.runIf(present)('Istio MCP cases', () => {
  test.each(Object.keys(drivers))('%s', (name) => {
    const { passed, failures } = drivers[name]!();
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThanOrEqual(floors()[name] ?? 0);
  });
});
