import { createList, listType } from '@lateen/mixer-rules';
import type { adapter_list_config_Params } from '@lateen/protos';
import { type Adapter, defineAdapter } from './adapter.ts';

/** Whitelists and blacklists that stand in the configuration. */
export const list: Adapter = defineAdapter<adapter_list_config_Params>({ ...listType, create: createList });
