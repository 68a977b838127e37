import { defineKind } from '../kind.ts';
import { checkWorkload } from '../rules/workload.ts';

/** A workload outside Kubernetes. Source: Istio networking/v1alpha3/workload_entry.proto. */
export const workloadEntry = defineKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  shortNames: ['we'],
  collection: 'istio/networking/v1alpha3/workloadentries',
  message: 'istio.networking.v1alpha3.WorkloadEntry',
  validate: (spec, { report }) => checkWorkload(spec, { path: 'spec', report, address: true }),
});
