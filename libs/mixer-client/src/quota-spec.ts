import type { AttributeSource } from '@lateen/attributes';
import type {
  istio_mixer_v1_config_client_AttributeMatch,
  istio_mixer_v1_config_client_QuotaSpec,
  istio_mixer_v1_config_client_StringMatch,
} from '@lateen/protos';
import { RE2JS } from 're2js';

/** A quota and how much of it a request needs. */
export interface RequiredQuota {
  readonly quota: string;
  readonly charge: number;
}

/** Which quotas a request needs, by its attributes. */
export type QuotaSelector = (source: AttributeSource) => RequiredQuota[];

type Matcher = (source: AttributeSource) => boolean;

/**
 * Compiles quota specifications. A rule without a match always applies; of several clauses one must hold, and of a
 * clause every attribute. A charge that is absent or below 1 counts as 1. Patterns are RE2 and match the whole text.
 * Source: istio/proxy `quota_config/config_parser_impl.cc`.
 */
export function compileQuotaSpecs(specs: readonly istio_mixer_v1_config_client_QuotaSpec[]): QuotaSelector {
  const rules = specs
    .flatMap((spec) => spec.rules ?? [])
    .map((rule) => ({
      clauses: (rule.match ?? []).map(compileClause),
      quotas: (rule.quotas ?? []).map(({ quota = '', charge = 0 }) => ({
        quota,
        charge: Math.max(charge, 1),
      })),
    }));
  return (source) => {
    const required: RequiredQuota[] = [];
    for (const { clauses, quotas } of rules) {
      if (clauses.length === 0 || clauses.some((holds) => holds(source))) required.push(...quotas);
    }
    return required;
  };
}

function compileClause({ clause = {} }: istio_mixer_v1_config_client_AttributeMatch): Matcher {
  const parts = Object.keys(clause).map((name) => ({ name, matches: compileText(clause[name]!) }));
  return (source) =>
    parts.every(({ name, matches }) => {
      const attribute = source.get(name);
      return attribute?.kind === 'string' && matches(attribute.value);
    });
}

function compileText(match: istio_mixer_v1_config_client_StringMatch): (text: string) => boolean {
  const { exact, prefix, regex } = match;
  if (exact !== undefined) return (text) => text === exact;
  if (prefix !== undefined) return (text) => text.startsWith(prefix);
  if (regex === undefined) return () => false;
  try {
    const compiled = RE2JS.compile(regex);
    return (text) => compiled.testExact(text);
  } catch {
    return () => false; // pilot refuses such a pattern; from elsewhere it selects nothing
  }
}
