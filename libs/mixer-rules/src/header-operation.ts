import {
  type CompiledExpression,
  compileExpression,
  EvaluationFailure,
  type AttributeSource,
  type Vocabulary,
} from '@lateen/attributes';
import {
  enumOf,
  type istio_mixer_v1_HeaderOperation,
  type istio_policy_v1beta1_Rule_HeaderOperationTemplate,
} from '@lateen/protos';
import type { Complain } from './template/compile-instance.ts';

const { REMOVE } = enumOf('istio.policy.v1beta1.Rule.HeaderOperationTemplate.Operation');

/** A header change with its values as expressions. */
export interface HeaderOperationTemplate {
  readonly name: string;
  readonly operation: number;
  readonly values: readonly CompiledExpression[];
}

/** Compiles header changes; one with an expression that doesn't fit is complained about and left out. */
export function compileHeaderOperations(
  operations: readonly istio_policy_v1beta1_Rule_HeaderOperationTemplate[],
  vocabulary: Vocabulary,
  complain: Complain,
): HeaderOperationTemplate[] {
  const compiled: HeaderOperationTemplate[] = [];
  for (const [index, { name = '', operation = 0, values = [] }] of operations.entries()) {
    const expressions: CompiledExpression[] = [];
    for (const [at, value] of values.entries()) {
      const result = compileExpression(value, { vocabulary });
      if ('complaint' in result) complain(`[${index}].values[${at}]`, result.complaint);
      else if (result.expression.type !== 'STRING') {
        complain(
          `[${index}].values[${at}]`,
          `expected an expression of type STRING, found ${result.expression.type}`,
        );
      } else expressions.push(result.expression);
    }
    if (expressions.length === values.length) compiled.push({ name, operation, values: expressions });
  }
  return compiled;
}

/** Header changes for some attributes: one a value; values that are empty or cannot be had are skipped. */
export function headerOperationsFor(
  templates: readonly HeaderOperationTemplate[],
  source: AttributeSource,
): istio_mixer_v1_HeaderOperation[] {
  const operations: istio_mixer_v1_HeaderOperation[] = [];
  for (const { name, operation, values } of templates) {
    if (operation === REMOVE) {
      operations.push({ name, operation });
      continue;
    }
    for (const expression of values) {
      const value = expression.evaluate(source);
      if (value instanceof EvaluationFailure || value === '') continue;
      operations.push({ name, value: value as string, operation });
    }
  }
  return operations;
}
