import { defineKind } from '../kind.ts';
import { checkPolicyTargets } from '../rules/selector.ts';
import { checkTrafficSelectors, checkWasm } from '../rules/wasm.ts';

/** Accepted and kept, but no proxy of ours runs Wasm. Source: Istio extensions/v1alpha1/wasm.proto. */
export const wasmPlugin = defineKind({
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  kind: 'WasmPlugin',
  collection: 'istio/extensions/v1alpha1/wasmplugins',
  message: 'istio.extensions.v1alpha1.WasmPlugin',
  unsupported: 'Wasm modules are not run by this data plane: the object is kept and has no effect',
  validate(spec, context) {
    checkPolicyTargets(spec, context);
    checkWasm(spec, 'spec', context.report);
    checkTrafficSelectors(spec.match, 'spec.match', context.report);
  },
});
