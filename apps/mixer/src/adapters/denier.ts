import { createDenier, denierType } from '@lateen/mixer-rules';
import type { adapter_denier_config_Params } from '@lateen/protos';
import { type Adapter, defineAdapter } from './adapter.ts';

/** Refuses everything that a rule sends to it. */
export const denier: Adapter = defineAdapter<adapter_denier_config_Params>({
  ...denierType,
  create: createDenier,
});
