import { defineKind } from '../kind.ts';
import { keySegment } from '../node.ts';

const key = /^[-._a-zA-Z0-9]{1,253}$/;

/** Bytes that only few may read, such as a gateway's key pair. Source: Kubernetes core/v1 Secret. */
export const secret = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  body: 'root',
  collection: 'k8s/core/v1/secrets',
  message: 'k8s.io.api.core.v1.Secret',
  validate(spec, { report }) {
    for (const field of ['data', 'stringData'] as const) {
      for (const name of Object.keys(spec[field] ?? {})) {
        if (!key.test(name))
          report.error(
            `${field}${keySegment(name)}`,
            `"${name}" is no valid key: expected letters, digits, "-", "_" and "."`,
          );
      }
    }
    if (spec.type !== 'kubernetes.io/tls') return;
    for (const name of ['tls.crt', 'tls.key']) {
      if (!spec.data?.[name] && !spec.stringData?.[name])
        report.error(`data["${name}"]`, `a Secret of type kubernetes.io/tls needs ${name}`);
    }
  },
});
