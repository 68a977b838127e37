import { expect, test } from 'vitest';
import type { Manager } from './manager.ts';
import { ManagerSlot } from './manager-slot.ts';

// The slot hands managers on without looking into them.
const manager = (name: string): Manager => ({ name }) as unknown as Manager;

test('connections of every earlier manager find the newest', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new ManagerSlot(manager(name))) as [
    ManagerSlot,
    ManagerSlot,
    ManagerSlot,
  ];
  expect(a.newest).toEqual({ name: 'a' });
  a.replaceBy(b);
  b.replaceBy(c);
  expect([a.newest, b.newest, c.newest]).toEqual([{ name: 'c' }, { name: 'c' }, { name: 'c' }]);
  expect(a.next).toBe(c);
});
