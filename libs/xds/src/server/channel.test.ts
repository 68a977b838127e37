import { describe, expect, test } from 'vitest';
import type { XdsResource } from '../resource.ts';
import { xdsTypes } from '../resource-type.ts';
import { TypeChannel, type XdsPush, type XdsRequest } from './channel.ts';
import type { XdsMode } from './ledger.ts';

/** Resources written as `name@version`. */
function resources(...texts: string[]): Map<string, XdsResource> {
  return new Map(
    texts.map((text) => {
      const [name = '', version = ''] = text.split('@');
      return [name, { name, version, body: { type_url: '', value: new Uint8Array() } }];
    }),
  );
}

const texts = (push: XdsPush | undefined): string[] | undefined =>
  push && [
    ...push.resources.map(({ name, version }) => `${name}@${version}`),
    ...push.removed.map((name) => `-${name}`),
  ];

function channelOf(typeUrl: string, mode: XdsMode) {
  let nonces = 0;
  const channel = new TypeChannel(typeUrl, { mode, now: () => 7, nonce: () => String(++nonces) });
  return {
    channel,
    offer: (set: ReadonlyMap<string, XdsResource>, holdRemovals = false) =>
      channel.offer(set, { holdRemovals, setVersion: 's' }),
    next: () => texts(channel.next()),
    sotw: (fields: Partial<XdsRequest & { mode: 'sotw' }> = {}) =>
      channel.request({
        mode: 'sotw',
        typeUrl,
        version: '',
        nonce: '',
        names: [],
        error: undefined,
        ...fields,
      }),
    delta: (fields: Partial<XdsRequest & { mode: 'delta' }> = {}) =>
      channel.request({
        mode: 'delta',
        typeUrl,
        nonce: '',
        subscribe: [],
        unsubscribe: [],
        initialVersions: new Map(),
        error: undefined,
        ...fields,
      }),
  };
}

describe('state of the world', () => {
  test('clusters are sent as a full set, and only when something changed', () => {
    const { offer, next, sotw } = channelOf(xdsTypes.cluster, 'sotw');
    offer(resources('a@1', 'b@1'));
    expect(next()).toBeUndefined();
    expect(sotw()).toBe('subscribed');
    expect(next()).toEqual(['a@1', 'b@1']);
    expect(sotw({ nonce: '1', version: 'x' })).toBe('acked');
    offer(resources('a@1', 'b@1'));
    expect(next()).toBeUndefined();
    offer(resources('a@1', 'b@2'));
    expect(next()).toEqual(['a@1', 'b@2']);
    sotw({ nonce: '2' });
    offer(resources('b@2'));
    expect(next()).toEqual(['b@2']);
  });

  test('a stale nonce changes nothing', () => {
    const { channel, offer, next, sotw } = channelOf(xdsTypes.endpoint, 'sotw');
    offer(resources('a@1', 'b@1'));
    sotw({ names: ['a'] });
    expect(next()).toEqual(['a@1']);
    sotw({ names: ['a'], nonce: '1' });
    offer(resources('a@2', 'b@1'));
    expect(next()).toEqual(['a@2']);
    expect(sotw({ names: ['a', 'b'], nonce: '1' })).toBe('stale');
    expect(channel.ledger()).toMatchObject({ names: ['a'], outstanding: true });
    expect(sotw({ names: ['a', 'b'], nonce: '2' })).toBe('acked');
    expect(next()).toEqual(['b@1']);
  });

  test('while an answer is owed changes are merged into one response', () => {
    const { offer, next, sotw } = channelOf(xdsTypes.endpoint, 'sotw');
    offer(resources('a@1', 'b@1'));
    sotw({ names: ['a', 'b'] });
    expect(next()).toEqual(['a@1', 'b@1']);
    offer(resources('a@2', 'b@1'));
    expect(next()).toBeUndefined();
    offer(resources('a@3', 'b@2'));
    expect(next()).toBeUndefined();
    sotw({ names: ['a', 'b'], nonce: '1' });
    expect(next()).toEqual(['a@3', 'b@2']);
  });

  test('a NACK is kept with its message, not answered until the content changes, and cleared by an ACK', () => {
    const { channel, offer, next, sotw } = channelOf(xdsTypes.cluster, 'sotw');
    offer(resources('a@1'));
    sotw();
    next();
    sotw({ nonce: '1', version: 'good' });
    offer(resources('a@bad'));
    next();
    expect(sotw({ nonce: '2', version: 'good', error: 'no such policy' })).toBe('nacked');
    expect(next()).toBeUndefined();
    expect(channel.ledger()).toMatchObject({
      acked: { nonce: '1' },
      nack: { nonce: '2', message: 'no such policy' },
    });
    offer(resources('a@1'));
    expect(next()).toEqual(['a@1']);
    sotw({ nonce: '3' });
    expect(channel.ledger()).toMatchObject({ acked: { nonce: '3' }, nack: undefined });
  });

  test('with removals held, what is gone stays as the client last accepted it', () => {
    const { channel, offer, next, sotw } = channelOf(xdsTypes.cluster, 'sotw');
    offer(resources('a@1', 'b@1'));
    sotw();
    next();
    sotw({ nonce: '1' });
    offer(resources('b@2', 'c@1'), true);
    expect(next()).toEqual(['a@1', 'b@2', 'c@1']);
    sotw({ nonce: '2' });
    expect(channel.retains).toBe(true);
    offer(resources('b@2', 'c@1'), false);
    expect(next()).toEqual(['b@2', 'c@1']);
  });

  test('a cluster that was refused and then removed is not held', () => {
    const { channel, offer, next, sotw } = channelOf(xdsTypes.cluster, 'sotw');
    offer(resources('a@1'));
    sotw();
    next();
    sotw({ nonce: '1' });
    offer(resources('a@1', 'broken@1'), true);
    next();
    sotw({ nonce: '2', error: 'broken' });
    offer(resources('a@1'), true);
    expect(next()).toEqual(['a@1']);
    sotw({ nonce: '3' });
    expect(channel.refused).toBe(false);
  });

  test('a client that comes back with our version is not sent it again', () => {
    const first = channelOf(xdsTypes.cluster, 'sotw');
    const set = resources('a@1');
    first.offer(set);
    first.sotw();
    const version = first.channel.next()?.version ?? '';
    const again = channelOf(xdsTypes.cluster, 'sotw');
    again.offer(resources('a@1'));
    again.sotw({ version });
    expect(again.next()).toBeUndefined();
    expect(again.channel.ledger().acked?.version).toBe(version);
    again.offer(resources('a@1', 'b@1'));
    expect(again.next()).toEqual(['a@1', 'b@1']);
  });

  test.each([
    { type: xdsTypes.cluster, names: [], sent: ['a@1', 'b@1'] },
    { type: xdsTypes.cluster, names: ['*'], sent: ['a@1', 'b@1'] },
    { type: xdsTypes.cluster, names: ['b'], sent: ['b@1'] },
    { type: xdsTypes.endpoint, names: [], sent: [] },
    { type: xdsTypes.endpoint, names: ['*'], sent: ['a@1', 'b@1'] },
    { type: xdsTypes.route, names: ['nobody'], sent: [] },
    { type: 'type.googleapis.com/some.Unknown', names: ['a'], sent: ['a@1'] },
  ])('first request of $type for $names', ({ type, names, sent }) => {
    const { offer, next, sotw } = channelOf(type, 'sotw');
    sotw({ names });
    expect(next()).toBeUndefined();
    offer(resources('a@1', 'b@1'));
    expect(next()).toEqual(sent);
  });

  test('names that come get their resource, names that went are sent anew when they come back', () => {
    const { offer, next, sotw } = channelOf(xdsTypes.route, 'sotw');
    offer(resources('80@1', '90@1'));
    sotw({ names: ['80'] });
    expect(next()).toEqual(['80@1']);
    sotw({ names: ['80', '90'], nonce: '1' });
    expect(next()).toEqual(['90@1']);
    sotw({ names: ['90'], nonce: '2' });
    expect(next()).toBeUndefined();
    expect(sotw({ names: ['80', '90'], nonce: '2' })).toBe('names');
    expect(next()).toEqual(['80@1']);
  });

  test('after names were given an empty list means nothing', () => {
    const { offer, next, sotw } = channelOf(xdsTypes.cluster, 'sotw');
    offer(resources('a@1', 'b@1'));
    sotw({ names: ['a'] });
    next();
    sotw({ names: [], nonce: '1' });
    offer(resources('a@2', 'b@2'));
    expect(next()).toBeUndefined();
  });
});

describe('delta', () => {
  test('changes and removals alone, acknowledged by nonce', () => {
    const { offer, next, delta } = channelOf(xdsTypes.cluster, 'delta');
    offer(resources('a@1', 'b@1'));
    delta();
    expect(next()).toEqual(['a@1', 'b@1']);
    expect(delta({ nonce: '1' })).toBe('acked');
    offer(resources('b@2', 'c@1'));
    expect(next()).toEqual(['b@2', 'c@1', '-a']);
    expect(delta({ nonce: '1' })).toBe('stale');
    expect(delta({ nonce: '2' })).toBe('acked');
    expect(next()).toBeUndefined();
  });

  test('held removals go out once they are released', () => {
    const { offer, next, delta } = channelOf(xdsTypes.cluster, 'delta');
    offer(resources('a@1'));
    delta();
    next();
    delta({ nonce: '1' });
    const after = resources('b@1');
    offer(after, true);
    expect(next()).toEqual(['b@1']);
    delta({ nonce: '2' });
    offer(after, false);
    expect(next()).toEqual(['-a']);
  });

  test('a reconnected client gets what differs from its versions', () => {
    const { offer, next, delta } = channelOf(xdsTypes.cluster, 'delta');
    offer(resources('a@1', 'b@2', 'c@1'));
    delta({
      initialVersions: new Map([
        ['a', '1'],
        ['b', '1'],
        ['gone', '1'],
      ]),
    });
    expect(next()).toEqual(['b@2', 'c@1', '-gone']);
  });

  test('a reconnected client that has everything gets an empty answer', () => {
    const { offer, next, delta } = channelOf(xdsTypes.endpoint, 'delta');
    offer(resources('a@1'));
    delta({ subscribe: ['a'], initialVersions: new Map([['a', '1']]) });
    expect(next()).toEqual([]);
  });

  test('an unknown name is told once, and comes when it exists', () => {
    const { offer, next, delta } = channelOf(xdsTypes.endpoint, 'delta');
    offer(resources('a@1'));
    delta({ subscribe: ['a', 'later'] });
    expect(next()).toEqual(['a@1', '-later']);
    delta({ nonce: '1' });
    offer(resources('a@1', 'x@1'));
    expect(next()).toBeUndefined();
    offer(resources('a@1', 'later@1'));
    expect(next()).toEqual(['later@1']);
  });

  test('unsubscribed names are silent, subscribed again they are sent again', () => {
    const { offer, next, delta } = channelOf(xdsTypes.endpoint, 'delta');
    offer(resources('a@1', 'b@1'));
    delta({ subscribe: ['a', 'b'] });
    next();
    delta({ nonce: '1', unsubscribe: ['b'] });
    offer(resources('a@1', 'b@2'));
    expect(next()).toBeUndefined();
    delta({ subscribe: ['b'] });
    expect(next()).toEqual(['b@2']);
    delta({ nonce: '2' });
    delta({ subscribe: ['b'] });
    expect(next()).toEqual(['b@2']);
  });

  test('names in a request with an old nonce count', () => {
    const { offer, next, delta } = channelOf(xdsTypes.endpoint, 'delta');
    offer(resources('a@1', 'b@1'));
    delta({ subscribe: ['a'] });
    next();
    expect(delta({ nonce: '0', subscribe: ['b'] })).toBe('names');
    delta({ nonce: '1' });
    expect(next()).toEqual(['b@1']);
  });

  test('a refusal stands until that very resource is taken', () => {
    const { channel, offer, next, delta } = channelOf(xdsTypes.route, 'delta');
    offer(resources('80@1', '90@1'));
    delta({ subscribe: ['80', '90'] });
    next();
    delta({ nonce: '1' });
    offer(resources('80@bad', '90@1'));
    next();
    delta({ nonce: '2', error: '80 is bad' });
    offer(resources('80@bad', '90@2'));
    expect(next()).toEqual(['90@2']);
    delta({ nonce: '3' });
    expect(channel.ledger().nack?.message).toBe('80 is bad');
    offer(resources('80@1', '90@2'));
    expect(next()).toEqual(['80@1']);
    delta({ nonce: '4' });
    expect(channel.refused).toBe(false);
  });
});
