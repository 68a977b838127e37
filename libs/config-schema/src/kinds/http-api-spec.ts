import { defineKind } from '../kind.ts';
import { regexProblem } from '../rules/regular-expression.ts';

/** API operations by path, for Mixer's `api.*` attributes. Source: Istio mixer/v1/config/client/api_spec.proto. */
export const httpApiSpec = defineKind({
  group: 'config.istio.io',
  versions: ['v1alpha2'],
  kind: 'HTTPAPISpec',
  collection: 'istio/config/v1alpha2/httpapispecs',
  message: 'istio.mixer.v1.config.client.HTTPAPISpec',
  validate(spec, { report }) {
    if (!spec.patterns?.length) report.error('spec.patterns', 'at least one pattern is required');
    for (const [index, pattern] of (spec.patterns ?? []).entries()) {
      const path = `spec.patterns[${index}]`;
      if (pattern.uriTemplate === undefined && pattern.regex === undefined)
        report.error(path, 'a pattern needs uriTemplate or regex');
      const problem = pattern.regex === undefined ? undefined : regexProblem(pattern.regex);
      if (problem) report.error(`${path}.regex`, problem);
    }
    for (const [index, key] of (spec.apiKeys ?? []).entries()) {
      if (!key.query && !key.header && !key.cookie)
        report.error(`spec.apiKeys[${index}]`, 'an API key needs query, header or cookie');
    }
  },
});
