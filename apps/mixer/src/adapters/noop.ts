import { defaultCheckValidity } from '@lateen/mixer-rules';
import { type Adapter, defineAdapter } from './adapter.ts';

/** Lets everything pass and records nothing. Source: istio/istio `mixer/adapter/noop`. */
export const noop: Adapter = defineAdapter<undefined>({
  name: 'noop',
  templates: [
    'apikey',
    'authorization',
    'checknothing',
    'listentry',
    'logentry',
    'metric',
    'quota',
    'reportnothing',
    'tracespan',
  ],
  decode: () => ({ config: undefined }),
  create: () => ({
    check: () => ({
      code: 0,
      message: '',
      validDurationMs: defaultCheckValidity.durationMs,
      validUseCount: defaultCheckValidity.useCount,
    }),
    quota: (_instance, { amount }) => ({ amount, validDurationMs: defaultCheckValidity.durationMs }),
    report() {},
  }),
});
