import { type AttributeSource, EvaluationFailure } from '@lateen/attributes';
import type { Handler } from '../handler/handler.ts';
import type { RuleEntry, RuleTable } from '../rule-table.ts';
import { identityNamespace } from '../rule-table.ts';
import type { ResolvedAction } from '../resolve.ts';
import type { Instance, InstanceBuilder, Variety } from '../template/template.ts';

/** What is in force: rules and running handlers by full name. */
export interface RulesInForce {
  readonly table: RuleTable;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Told of conditions and instances that had no value; counted and logged by the caller, bounded there. */
  failed?(rule: string, message: string): void;
}

/** Rules of a variety whose condition holds. A condition without a value doesn't hold. */
export function matchingEntries(rules: RulesInForce, variety: Variety, source: AttributeSource): RuleEntry[] {
  const matching: RuleEntry[] = [];
  for (const entry of rules.table.entries(variety, identityNamespace(source))) {
    const holds = entry.rule.match === undefined ? true : entry.rule.match.evaluate(source);
    if (holds instanceof EvaluationFailure) rules.failed?.(entry.rule.name, holds.message);
    else if (holds === true) matching.push(entry);
  }
  return matching;
}

/** One instance that goes to one handler. */
export interface Work {
  readonly entry: RuleEntry;
  readonly action: ResolvedAction;
  readonly handler: Handler;
  readonly builder: InstanceBuilder;
}

/** Everything that matching rules send to handlers. */
export function workOf(rules: RulesInForce, entries: readonly RuleEntry[]): Work[] {
  return entries.flatMap((entry) =>
    entry.actions.flatMap((action) => {
      const handler = rules.handlers.get(action.handler);
      return handler ? action.instances.map((builder) => ({ entry, action, handler, builder })) : [];
    }),
  );
}

/** Instance for the attributes. @throws Error when an expression of it has no value. */
export function instanceOf(builder: InstanceBuilder, source: AttributeSource): Instance {
  const instance = builder.build(source);
  if (instance instanceof EvaluationFailure) throw new Error(instance.message);
  return instance;
}
