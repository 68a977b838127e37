import { type AttributeSource, EvaluationFailure } from '@lateen/attributes';
import type { Handler } from '../handler/handler.ts';
import type { Instance } from '../template/template.ts';
import { failureText } from './check.ts';
import { matchingEntries, type RulesInForce, workOf } from './work.ts';

/** Instances of several records, gathered so that each handler is called once. */
export class ReportSession {
  readonly #rules: RulesInForce;
  readonly #buffers = new Map<Handler, Instance[]>();

  constructor(rules: RulesInForce) {
    this.#rules = rules;
  }

  /** Adds one record's instances. An instance without a value is left out and told to `failed`. */
  add(source: AttributeSource): void {
    for (const { entry, handler, builder } of workOf(
      this.#rules,
      matchingEntries(this.#rules, 'REPORT', source),
    )) {
      const instance = builder.build(source);
      if (instance instanceof EvaluationFailure) {
        this.#rules.failed?.(entry.rule.name, instance.message);
        continue;
      }
      const buffer = this.#buffers.get(handler);
      if (buffer) buffer.push(instance);
      else this.#buffers.set(handler, [instance]);
    }
  }

  /** Hands everything over. @throws AggregateError when handlers fail; the others have theirs. */
  async flush(): Promise<void> {
    const failures: unknown[] = [];
    const pending = [...this.#buffers].map(async ([handler, instances]) => {
      try {
        await handler.report!(instances);
      } catch (error) {
        failures.push(error);
      }
    });
    this.#buffers.clear();
    await Promise.all(pending);
    if (failures.length > 0) throw new AggregateError(failures, failureText(failures));
  }
}
