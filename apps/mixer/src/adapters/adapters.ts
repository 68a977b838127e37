import type { Adapter } from './adapter.ts';
import { denier } from './denier.ts';
import { list } from './list.ts';
import { memquota } from './memquota.ts';
import { noop } from './noop.ts';
import { prometheus } from './prometheus.ts';
import { stdio } from './stdio.ts';

/** Adapters by the names that `compiledAdapter` has for them. */
export const adapters: ReadonlyMap<string, Adapter> = new Map([
  ['denier', denier],
  ['list', list],
  ['listchecker', list],
  ['memquota', memquota],
  ['noop', noop],
  ['prometheus', prometheus],
  ['stdio', stdio],
]);
