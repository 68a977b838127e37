import { LateenError, silentLogger, systemClock } from '@lateen/runtime';
import { startNatsServer, type TestNatsServer } from '@lateen/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bus } from './bus.ts';
import { createMemoryBus } from './memory/memory-bus.ts';
import { connectNats } from './nats/nats-bus.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array | undefined): string | undefined =>
  payload && new TextDecoder().decode(payload);

/** Collects what handlers get and lets a test await the nth. */
function collector<T>() {
  const items: T[] = [];
  let wake = (): void => {};
  return {
    items,
    add(item: T): void {
      items.push(item);
      wake();
    },
    async count(wanted: number): Promise<T[]> {
      while (items.length < wanted) await new Promise<void>((resolve) => (wake = resolve));
      return items;
    },
  };
}

let server: TestNatsServer;
beforeAll(async () => {
  server = await startNatsServer();
}, 200_000);
afterAll(() => server.stop());

const adapters: Record<string, { open: () => Promise<[Bus, Bus]> }> = {
  memory: {
    async open() {
      const bus = createMemoryBus({ clock: systemClock, logger: silentLogger });
      return [bus, bus];
    },
  },
  nats: {
    async open() {
      const options = {
        servers: [server.url],
        clock: systemClock,
        random: Math.random,
        logger: silentLogger,
      };
      return Promise.all([
        connectNats({ ...options, component: 'one' }),
        connectNats({ ...options, component: 'two' }),
      ]);
    },
  },
};

describe.each(Object.entries(adapters))('bus over %s', (_adapter, { open }) => {
  let bus: Bus;
  let other: Bus;
  beforeAll(async () => {
    [bus, other] = await open();
  });
  afterAll(async () => {
    await bus.close();
    await other.close();
    await bus.close();
  });

  test('events reach matching subscriptions in order, and none after unsubscribe', async () => {
    const got = collector<string>();
    const all = bus.subscribe('a.>', (payload, subject) => got.add(`${subject}=${text(payload)}`));
    const none = bus.subscribe('b.*', () => got.add('wrong'));
    await roundTrip(bus, other);
    other.publish('a.x', bytes('1'));
    other.publish('a.y.z', bytes('2'));
    other.publish('c', bytes('3'));
    expect(await got.count(2)).toEqual(['a.x=1', 'a.y.z=2']);
    all.unsubscribe();
    none.unsubscribe();
    await roundTrip(bus, other);
    other.publish('a.x', bytes('4'));
    await roundTrip(bus, other);
    expect(got.items).toHaveLength(2);
  });

  test('a subscriber that throws does not disturb the others', async () => {
    const got = collector<string>();
    const bad = bus.subscribe('throw', () => {
      throw new Error('mine');
    });
    const good = bus.subscribe('throw', () => got.add('got it'));
    await roundTrip(bus, other);
    other.publish('throw', bytes(''));
    await got.count(1);
    bad.unsubscribe();
    good.unsubscribe();
  });

  test('wildcards and blanks are no subjects to publish on', () => {
    for (const subject of ['a.*', '', 'a b', 'a..b'])
      expect(() => bus.publish(subject, bytes(''))).toThrow(LateenError);
  });

  test('a request is answered by one member of the queue group', async () => {
    const seen: string[] = [];
    const members = [bus, other].map((member, index) =>
      member.respond('sum.*', 'adders', async (payload, subject) => {
        seen.push(`${index}`);
        return bytes(`${subject}:${text(payload)}`);
      }),
    );
    await roundTrip(bus, other);
    expect(text(await other.request('sum.1', bytes('x'), { timeoutMs: 2000 }))).toBe('sum.1:x');
    expect(seen).toHaveLength(1);
    for (const member of members) member.unsubscribe();
  });

  test('a failing, a silent and a missing responder are told apart', async () => {
    const failing = bus.respond('fail', 'q', () => {
      throw new Error('no; ünwilling');
    });
    const silent = bus.respond('silent', 'q', () => new Promise<Uint8Array>(() => {}));
    await roundTrip(bus, other);
    const code = (subject: string): Promise<unknown> =>
      other
        .request(subject, bytes(''), { timeoutMs: 150 })
        .catch((error: LateenError) => [error.code, error.message]);
    expect(await code('fail')).toEqual(['LTN_BUS_REFUSED', 'no; ünwilling']);
    expect(await code('silent')).toEqual(['LTN_BUS_TIMEOUT', expect.stringContaining('150 ms')]);
    expect(await code('missing')).toEqual(['LTN_BUS_UNANSWERED', expect.stringContaining('missing')]);
    failing.unsubscribe();
    silent.unsubscribe();
  });

  test('a journal numbers records, refuses a wrong expectation as a value, and reads from anywhere', async () => {
    const journal = await bus.journal('JOURNAL_A');
    expect(await journal.last()).toBe(0);
    expect(await journal.append(bytes('1'), { expectedLast: 0 })).toEqual({ kind: 'appended', sequence: 1 });
    expect(await journal.append(bytes('2'), { expectedLast: 0 })).toEqual({ kind: 'conflict', last: 1 });
    expect(await journal.append(bytes('2'), { expectedLast: 1 })).toEqual({ kind: 'appended', sequence: 2 });
    expect(await journal.append(bytes('3'))).toEqual({ kind: 'appended', sequence: 3 });
    const read = async (from: number): Promise<string[]> => {
      const got: string[] = [];
      for await (const record of (await other.journal('JOURNAL_A')).read(from))
        got.push(`${record.sequence}${text(record.payload)}`);
      return got;
    };
    expect(await read(1)).toEqual(['11', '22', '33']);
    expect(await read(3)).toEqual(['33']);
    expect(await read(4)).toEqual([]);
  });

  test('of concurrent appends with one expectation exactly one is stored', async () => {
    const journals = [await bus.journal('JOURNAL_B'), await other.journal('JOURNAL_B')];
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        journals[index % 2]!.append(bytes(`${index}`), { expectedLast: 0 }),
      ),
    );
    expect(results.filter((result) => result.kind === 'appended')).toHaveLength(1);
    expect(await journals[0]!.last()).toBe(1);
  });

  test('a tail hears old and new records once each, in order', async () => {
    const journal = await bus.journal('JOURNAL_C');
    for (let index = 1; index <= 300; index += 1) await journal.append(bytes(`${index}`));
    const got = collector<number>();
    const tail = await (await other.journal('JOURNAL_C')).tail(2, (record) => got.add(record.sequence));
    await got.count(299);
    for (let index = 301; index <= 310; index += 1) await journal.append(bytes(`${index}`));
    await got.count(309);
    expect(got.items).toEqual(Array.from({ length: 309 }, (_, index) => index + 2));
    tail.unsubscribe();
  });

  test('a bucket checks revisions, and a deleted key is new again', async () => {
    const bucket = await bus.keyValue('bucket-a');
    expect(await bucket.get('k')).toBeUndefined();
    const first = await bucket.put('k', bytes('1'), { expectedRevision: 0 });
    if (first.kind !== 'written') throw new Error('the first write conflicts');
    expect(await bucket.put('k', bytes('x'), { expectedRevision: 0 })).toEqual({ kind: 'conflict' });
    expect(await bucket.put('k', bytes('x'), { expectedRevision: first.revision + 7 })).toEqual({
      kind: 'conflict',
    });
    const second = await bucket.put('k', bytes('2'), { expectedRevision: first.revision });
    expect(second.kind).toBe('written');
    expect(text((await (await other.keyValue('bucket-a')).get('k'))?.value)).toBe('2');
    expect((await bucket.delete('k')).kind).toBe('written');
    expect(await bucket.get('k')).toBeUndefined();
    expect((await bucket.put('k', bytes('3'), { expectedRevision: 0 })).kind).toBe('written');
  });

  test('a watch of a bucket begins with what is there and goes on with changes and deletions', async () => {
    const bucket = await bus.keyValue('bucket-b');
    await bucket.put('gone', bytes('0'));
    await bucket.delete('gone');
    await bucket.put('a', bytes('1'));
    const got = collector<string>();
    const watch = await (await other.keyValue('bucket-b')).watch((change) =>
      got.add(`${change.key}=${text(change.value)}`),
    );
    await got.count(1);
    await bucket.put('b', bytes('2'));
    await bucket.delete('a');
    expect(await got.count(3)).toEqual(['a=1', 'b=2', 'a=undefined']);
    watch.unsubscribe();
  });

  test('a closed bus refuses, without hanging', async () => {
    const [mine, theirs] = await open();
    await mine.close();
    await theirs.close();
    await expect(mine.request('x', bytes(''), { timeoutMs: 1000 })).rejects.toThrow('closed');
    await expect(mine.journal('JOURNAL_D')).rejects.toThrow('closed');
    expect(() => mine.subscribe('x', () => {})).toThrow('closed');
    mine.publish('x', bytes('dropped'));
  });
});

/** Waits until what was sent before (subscriptions too) has reached the server, from both sides. */
async function roundTrip(...buses: Bus[]): Promise<void> {
  for (const bus of buses) await bus.request('nobody.home', bytes(''), { timeoutMs: 2000 }).catch(() => {});
}

test('a killed server comes back: appends are kept, tails and events go on', async () => {
  const [bus, other] = await adapters.nats!.open();
  const journal = await bus.journal('JOURNAL_E');
  const got = collector<string>();
  const events = collector<string>();
  await journal.append(bytes('before'));
  const tail = await (await other.journal('JOURNAL_E')).tail(1, (record) => got.add(text(record.payload)!));
  const subscription = other.subscribe('revived', (payload) => events.add(text(payload)!));
  await got.count(1);
  await server.kill();
  const append = journal.append(bytes('during'), { expectedLast: 1 });
  await server.restart();
  expect(await append).toEqual({ kind: 'appended', sequence: 2 });
  expect(await got.count(2)).toEqual(['before', 'during']);
  await roundTrip(bus, other);
  bus.publish('revived', bytes('hello'));
  expect(await events.count(1)).toEqual(['hello']);
  tail.unsubscribe();
  subscription.unsubscribe();
  await Promise.all([bus.close(), other.close()]);
});
