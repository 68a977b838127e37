import type { AttributeSource } from '@lateen/attributes';
import type { ResolvedAction, ResolvedRule } from './resolve.ts';
import type { Variety } from './template/template.ts';

/** A rule with those of its actions that serve one variety. */
export interface RuleEntry {
  readonly rule: ResolvedRule;
  readonly actions: readonly ResolvedAction[];
}

const varieties: readonly Variety[] = ['CHECK', 'QUOTA', 'REPORT'];

/** Rules by variety and namespace: the root namespace's hold everywhere, others in their own namespace alone. */
export class RuleTable {
  readonly #byVariety = new Map<Variety, ReadonlyMap<string, readonly RuleEntry[]>>();
  readonly #rootNamespace: string;

  constructor(rules: readonly ResolvedRule[], rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    for (const variety of varieties) this.#byVariety.set(variety, tableOf(rules, variety, rootNamespace));
  }

  /** Rules of a variety for an identity's namespace: the root namespace's first. */
  entries(variety: Variety, namespace: string): readonly RuleEntry[] {
    const table = this.#byVariety.get(variety);
    return table?.get(namespace) ?? table?.get(this.#rootNamespace) ?? [];
  }
}

function tableOf(
  rules: readonly ResolvedRule[],
  variety: Variety,
  rootNamespace: string,
): ReadonlyMap<string, readonly RuleEntry[]> {
  const own = new Map<string, RuleEntry[]>([[rootNamespace, []]]);
  for (const rule of rules) {
    const actions = rule.actions.filter((action) => action.variety === variety);
    const headers = rule.requestHeaderOperations.length + rule.responseHeaderOperations.length > 0;
    // Header operations ride on the answer to a check.
    if (actions.length === 0 && !(variety === 'CHECK' && headers)) continue;
    own.set(rule.namespace, [...(own.get(rule.namespace) ?? []), { rule, actions }]);
  }
  const root = own.get(rootNamespace)!;
  const all = new Map<string, readonly RuleEntry[]>();
  for (const [namespace, entries] of own) {
    all.set(namespace, namespace === rootNamespace ? root : [...root, ...entries]);
  }
  return all;
}

/**
 * Namespace whose rules judge a request: the destination's when the reporter is inbound, the source's when it is
 * outbound; empty when nothing says. Source: istio/istio `mixer/pkg/runtime/dispatcher/session.go`.
 */
export function identityNamespace(source: AttributeSource): string {
  const text = (name: string): string => {
    const attribute = source.get(name);
    return attribute?.kind === 'string' ? attribute.value : '';
  };
  switch (text('context.reporter.kind')) {
    case 'inbound':
      return text('destination.namespace');
    case 'outbound':
      return text('source.namespace');
    default:
      return '';
  }
}
