import type { k8s_io_api_core_v1_ConfigMap } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { checkMeshConfig, meshConfigMapName } from '../mesh-config.ts';
import { keySegment } from '../node.ts';

const key = /^[-._a-zA-Z0-9]{1,253}$/;

function validate(spec: k8s_io_api_core_v1_ConfigMap, { metadata, report }: ValidationContext): void {
  for (const field of ['data', 'binaryData'] as const) {
    for (const name of Object.keys(spec[field] ?? {})) {
      if (!key.test(name))
        report.error(
          `${field}${keySegment(name)}`,
          `"${name}" is no valid key: expected letters, digits, "-", "_" and "."`,
        );
    }
  }
  if (metadata.name === meshConfigMapName && spec.data?.mesh !== undefined)
    checkMeshConfig(spec.data.mesh, report);
}

/** Named texts; `istio` has the mesh's settings. Source: Kubernetes core/v1 ConfigMap. */
export const configMap = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  shortNames: ['cm'],
  body: 'root',
  collection: 'k8s/core/v1/configmaps',
  message: 'k8s.io.api.core.v1.ConfigMap',
  validate,
});
