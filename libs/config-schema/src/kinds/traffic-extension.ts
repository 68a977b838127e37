import { defineKind } from '../kind.ts';
import { checkPolicyTargets } from '../rules/selector.ts';
import { checkTrafficSelectors, checkWasm } from '../rules/wasm.ts';

/** Bytes of Lua that travel to every proxy. */
const mostLua = 64 * 1024;

/** Accepted and kept, but no proxy of ours runs Wasm or Lua. Source: Istio extensions/v1alpha1/traffic_extension.proto. */
export const trafficExtension = defineKind({
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  kind: 'TrafficExtension',
  collection: 'istio/extensions/v1alpha1/trafficextensions',
  message: 'istio.extensions.v1alpha1.TrafficExtension',
  unsupported: 'Wasm and Lua are not run by this data plane: the object is kept and has no effect',
  validate(spec, context) {
    const { report } = context;
    checkPolicyTargets(spec, context);
    checkTrafficSelectors(spec.match, 'spec.match', report);
    if (spec.wasm) checkWasm(spec.wasm, 'spec.wasm', report);
    else if (spec.lua) {
      const code = spec.lua.inlineCode ?? '';
      if (code === '') report.error('spec.lua.inlineCode', 'code is required');
      else if (Buffer.byteLength(code) > mostLua)
        report.error('spec.lua.inlineCode', `the code is longer than ${mostLua / 1024} KiB`);
    } else report.error('spec', 'one of wasm and lua is required');
  },
});
