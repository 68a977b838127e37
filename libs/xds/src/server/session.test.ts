import { describe, expect, test } from 'vitest';
import type { ResourceSet, XdsResource } from '../resource.ts';
import { xdsTypes } from '../resource-type.ts';
import type { XdsPush } from './channel.ts';
import type { SessionEvent, XdsMode } from './ledger.ts';
import { DeliverySession } from './session.ts';

const short: Record<string, string> = {
  [xdsTypes.cluster]: 'cds',
  [xdsTypes.endpoint]: 'eds',
  [xdsTypes.listener]: 'lds',
  [xdsTypes.route]: 'rds',
};
const urls = Object.fromEntries(Object.entries(short).map(([url, name]) => [name, url]));

/** A set written as `cds a@1 b@1; eds a@1; …`. */
function setOf(version: string, text: string): ResourceSet {
  const types = new Map<string, Map<string, XdsResource>>(Object.values(urls).map((url) => [url, new Map()]));
  for (const part of text.split(';').map((piece) => piece.trim())) {
    const [type = '', ...items] = part.split(' ');
    for (const item of items) {
      const [name = '', itemVersion = ''] = item.split('@');
      const body = { type_url: '', value: new Uint8Array() };
      types.get(urls[type] ?? '')?.set(name, { name, version: itemVersion, body });
    }
  }
  return { version, types };
}

const show = (pushes: readonly XdsPush[]): string[] =>
  pushes.map(({ typeUrl, resources, removed }) =>
    [
      short[typeUrl] ?? typeUrl,
      ...resources.map(({ name, version }) => `${name}@${version}`),
      ...removed.map((n) => `-${n}`),
    ].join(' '),
  );

/** A client that answers by hand. */
function client(mode: XdsMode) {
  const events: SessionEvent[] = [];
  const session = new DeliverySession({ mode, now: () => 0, onEvent: (event) => events.push(event) });
  const nonces = new Map<string, string>();
  const told = new Map<string, readonly string[]>();
  const seen = (pushes: readonly XdsPush[]): string[] => {
    for (const { typeUrl, nonce } of pushes) nonces.set(short[typeUrl] ?? typeUrl, nonce);
    return show(pushes);
  };
  const request = (
    type: string,
    names: readonly string[],
    nonce: string,
    error: string | undefined,
  ): string[] => {
    const typeUrl = urls[type] ?? type;
    const before = told.get(type) ?? [];
    told.set(type, names);
    const subscribe = names.filter((name) => !before.includes(name));
    const unsubscribe = before.filter((name) => !names.includes(name));
    return seen(
      session.request(
        mode === 'sotw'
          ? { mode, typeUrl, version: '', nonce, names, error }
          : { mode, typeUrl, nonce, subscribe, unsubscribe, initialVersions: new Map(), error },
      ),
    );
  };
  return {
    session,
    events,
    offer: (set: ResourceSet) => seen(session.offer(set)),
    expire: () => seen(session.expire(session.deadline ?? -1)),
    ask: (type: string, ...names: string[]) =>
      request(type, names, mode === 'sotw' ? (nonces.get(type) ?? '') : '', undefined),
    ack: (type: string) => request(type, told.get(type) ?? [], nonces.get(type) ?? '', undefined),
    nack: (type: string) => request(type, told.get(type) ?? [], nonces.get(type) ?? '', 'no'),
    converged: () => events.flatMap((event) => (event.kind === 'converged' ? event.version : [])),
  };
}

/** Brings a client to rest as Envoy gets there. */
function settledClient(mode: XdsMode) {
  const envoy = client(mode);
  envoy.ask('cds');
  envoy.offer(setOf('1', 'cds a@1; eds a@1; lds l@1; rds r@1'));
  envoy.ack('cds');
  envoy.ask('eds', 'a');
  envoy.ack('eds');
  envoy.ask('lds');
  envoy.ack('lds');
  envoy.ask('rds', 'r');
  envoy.ack('rds');
  return envoy;
}

test('nothing is sent before there is a set', () => {
  const { ask, offer } = client('sotw');
  expect(ask('cds')).toEqual([]);
  expect(ask('lds')).toEqual([]);
  expect(offer(setOf('1', 'cds a@1; eds; lds l@1'))).toEqual(['cds a@1']);
});

test("Envoy's first connection: each type is answered when it is asked for, and converges at the end", () => {
  const { ask, ack, offer, converged } = client('sotw');
  ask('cds');
  expect(offer(setOf('1', 'cds a@1; eds a@1; lds l@1; rds r@1'))).toEqual(['cds a@1']);
  expect(ack('cds')).toEqual([]);
  expect(ask('eds', 'a')).toEqual(['eds a@1']);
  expect(ack('eds')).toEqual([]);
  expect(ask('lds')).toEqual(['lds l@1']);
  expect(ack('lds')).toEqual([]);
  expect(ask('rds', 'r')).toEqual(['rds r@1']);
  expect(converged()).toEqual([]);
  expect(ack('rds')).toEqual([]);
  expect(converged()).toEqual(['1']);
});

test('an unknown type is answered empty', () => {
  const { ask, offer } = client('sotw');
  offer(setOf('1', ''));
  expect(ask('type.googleapis.com/some.Unknown')).toEqual(['type.googleapis.com/some.Unknown']);
});

describe.each(['sotw', 'delta'] as const)('make before break, %s', (mode) => {
  const sotw = mode === 'sotw';

  test('new clusters and endpoints, then listeners and routes, then removals', () => {
    const { offer, ack, ask, converged } = settledClient(mode);
    expect(converged()).toEqual(['1']);
    const made = sotw ? 'cds a@1 b@1' : 'cds b@1';
    expect(offer(setOf('2', 'cds b@1; eds b@1; lds l@2; rds r@2'))).toEqual([made]);
    expect(ack('cds')).toEqual([]);
    expect(ask('eds', 'a', 'b')).toEqual(['eds b@1']);
    expect(ack('eds')).toEqual(['lds l@2', 'rds r@2']);
    expect(ack('lds')).toEqual([]);
    expect(ack('rds')).toEqual(sotw ? ['cds b@1'] : ['cds -a', 'eds -a']);
    expect(converged()).toEqual(['1']);
    expect(ack('cds')).toEqual([]);
    if (!sotw) expect(ack('eds')).toEqual([]);
    expect(converged()).toEqual(['1', '2']);
  });

  test('a change of endpoints alone goes at once, alone', () => {
    const { offer, ack, converged } = settledClient(mode);
    expect(offer(setOf('2', 'cds a@1; eds a@2; lds l@1; rds r@1'))).toEqual(['eds a@2']);
    ack('eds');
    expect(converged()).toEqual(['1', '2']);
  });

  test('a set that changes nothing is acknowledged at once', () => {
    const { offer, converged } = settledClient(mode);
    expect(offer(setOf('2', 'cds a@1; eds a@1; lds l@1; rds r@1'))).toEqual([]);
    expect(converged()).toEqual(['1', '2']);
  });

  test('a changed cluster gets its endpoints again, since Envoy warms it anew', () => {
    const { offer } = settledClient(mode);
    expect(offer(setOf('2', 'cds a@2; eds a@1; lds l@1; rds r@1'))).toEqual(['cds a@2', 'eds a@1']);
  });

  test('newer sets are merged while a step is outstanding', () => {
    const { offer, ack, converged } = settledClient(mode);
    expect(offer(setOf('2', 'cds a@2; eds a@1; lds l@1; rds r@2'))).toEqual(['cds a@2', 'eds a@1']);
    expect(offer(setOf('3', 'cds a@3; eds a@1; lds l@1; rds r@3'))).toEqual([]);
    expect(ack('eds')).toEqual([]);
    expect(ack('cds')).toEqual(['cds a@3', 'eds a@1']);
    ack('cds');
    expect(ack('eds')).toEqual(['rds r@3']);
    ack('rds');
    expect(converged()).toEqual(['1', '3']);
  });

  test('a client that does not answer is not waited for longer than the time-out', () => {
    const { offer, ack, expire, session, converged } = settledClient(mode);
    offer(setOf('2', 'cds a@2; eds a@1; lds l@1; rds r@2'));
    const step = session.deadline;
    expect(step).toBeDefined();
    expect(expire()).toEqual(['rds r@2']);
    expect(session.expire(step ?? 0)).toEqual([]);
    ack('rds');
    expect(converged()).toEqual(['1']);
    ack('cds');
    ack('eds');
    expect(converged()).toEqual(['1', '2']);
  });

  test('nothing is removed while a route is refused, and the revision is not acknowledged', () => {
    const { offer, ack, nack, ask, session, converged } = settledClient(mode);
    offer(setOf('2', 'cds b@1; eds b@1; lds l@1; rds r@bad'));
    ack('cds');
    ask('eds', 'a', 'b');
    expect(ack('eds')).toEqual(['rds r@bad']);
    expect(nack('rds')).toEqual([]);
    expect(converged()).toEqual(['1']);
    expect(session.ledger()).toMatchObject({ offered: '2', acked: '1', step: 'rest' });
    expect(offer(setOf('3', 'cds b@1; eds b@1; lds l@1; rds r@3'))).toEqual(['rds r@3']);
    expect(ack('rds')).toEqual(sotw ? ['cds b@1'] : ['cds -a', 'eds -a']);
    ack('cds');
    if (!sotw) ack('eds');
    expect(converged()).toEqual(['1', '3']);
  });

  test('a set that has nothing to do with a standing refusal is acknowledged', () => {
    const { offer, ack, nack, converged } = settledClient(mode);
    offer(setOf('2', 'cds a@1; eds a@1; lds l@1; rds r@bad'));
    nack('rds');
    offer(setOf('3', 'cds a@1; eds a@2; lds l@1; rds r@bad'));
    ack('eds');
    expect(converged()).toEqual(['1', '3']);
  });
});

test('a reconnected client keeps its old clusters until the new routes are acknowledged', () => {
  const { session, ask, ack } = client('delta');
  const typeUrl = urls.cds ?? '';
  const first = session.request({
    mode: 'delta',
    typeUrl,
    nonce: '',
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map([['old', '1']]),
    error: undefined,
  });
  expect(first).toEqual([]);
  expect(show(session.offer(setOf('2', 'cds new@1; lds l@1; rds r@1')))).toEqual(['cds new@1']);
  const acked = session.request({
    mode: 'delta',
    typeUrl,
    nonce: '1',
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map(),
    error: undefined,
  });
  expect(acked).toEqual([]);
  expect(ask('lds')).toEqual(['lds l@1']);
  expect(ack('lds')).toEqual([]);
  expect(ask('rds', 'r')).toEqual(['rds r@1']);
  expect(ack('rds')).toEqual(['cds -old']);
});
