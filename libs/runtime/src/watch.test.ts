import { expect, test } from 'vitest';
import { WatchMap, WatchValue } from './watch.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a value: the current one at once, several changes once', async () => {
  const value = new WatchValue(1);
  const seen: number[] = [];
  const stop = value.subscribe((next) => seen.push(next));
  value.set(2);
  value.set(3);
  await turn();
  stop();
  value.set(4);
  await turn();
  expect(seen).toEqual([1, 3]);
});

test('until takes the current value or waits, and rejects on abort', async () => {
  const value = new WatchValue(1);
  await expect(value.until((n) => n === 1)).resolves.toBe(1);
  const later = value.until((n) => n > 4);
  value.set(5);
  await expect(later).resolves.toBe(5);
  await expect(value.until((n) => n > 9, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});

test('a map: all entries at once, then what changed, coalesced', async () => {
  const map = new WatchMap<string, number>();
  map.set('a', 1);
  const changes: [string, number][][] = [];
  const gone: string[][] = [];
  map.subscribe((change) => {
    changes.push([...change.updated]);
    gone.push([...change.removed]);
  });
  map.set('b', 2);
  map.set('b', 3);
  map.delete('a');
  await turn();
  expect(changes).toEqual([[['a', 1]], [['b', 3]]]);
  expect(gone).toEqual([[], ['a']]);
});
