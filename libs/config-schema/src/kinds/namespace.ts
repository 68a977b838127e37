import { defineKind } from '../kind.ts';

/** A namespace; the mesh reads its labels. Source: Kubernetes core/v1 Namespace. */
export const namespace = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  nameForm: 'label',
  collection: 'k8s/core/v1/namespaces',
  message: 'k8s.io.api.core.v1.NamespaceSpec',
  validate() {},
});
