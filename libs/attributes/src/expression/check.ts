import type { ValueType } from '../value.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { builtinFunctions, externFunctions, type FunctionSignature } from './functions.ts';
import { parseExpression } from './parse.ts';
import { type Expression, printExpression } from './tree.ts';

/** What names an expression may use. */
export interface ExpressionScope {
  readonly vocabulary: Vocabulary;
  /** Functions beside the standard ones; one of the same name replaces it. */
  readonly functions?: readonly FunctionSignature[];
}

/** Types of an expression and all its parts, or what is wrong with it, in Mixer's words. */
export type Checked =
  | { readonly type: ValueType; readonly types: ReadonlyMap<Expression, ValueType> }
  | { readonly complaint: string };

const standard: ReadonlyMap<string, FunctionSignature> = new Map(
  [...builtinFunctions, ...externFunctions].map((signature) => [signature.name, signature]),
);

class Refusal extends Error {}

/** Checks the types of an expression. Source: istio/istio `mixer/pkg/lang/ast/expr.go`. */
export function checkExpression(expression: Expression, scope: ExpressionScope): Checked {
  const own = new Map((scope.functions ?? []).map((signature) => [signature.name, signature]));
  const types = new Map<Expression, ValueType>();

  const typeOf = (node: Expression): ValueType => {
    const type =
      node.kind === 'constant'
        ? node.type
        : node.kind === 'attribute'
          ? attributeType(node.name)
          : callType(node);
    types.set(node, type);
    return type;
  };
  const attributeType = (name: string): ValueType => {
    const type = scope.vocabulary.get(name);
    if (!type) throw new Refusal(`unknown attribute ${name}`);
    return type;
  };
  const callType = (node: Expression & { kind: 'call' }): ValueType => {
    const signature = own.get(node.name) ?? standard.get(node.name);
    if (!signature) throw new Refusal(`unknown function: ${node.name}`);
    if (signature.instance && !node.target) {
      throw new Refusal(`invoking instance method without an instance: ${node.name}`);
    }
    if (!signature.instance && node.target) {
      throw new Refusal(`invoking regular function on instance method: ${node.name}`);
    }
    let any: ValueType | undefined;
    if (node.target) {
      const found = typeOf(node.target);
      const expected = signature.target ?? (any = found);
      if (found !== expected) {
        throw new Refusal(`${printExpression(node)} target typeError got ${found}, expected ${expected}`);
      }
    }
    const { parameters } = signature;
    if (node.parameters.length !== parameters.length) {
      const counts = `Got ${node.parameters.length} arg(s), expected ${parameters.length} arg(s)`;
      throw new Refusal(`${printExpression(node)} arity mismatch. ${counts}`);
    }
    for (const [index, parameter] of node.parameters.entries()) {
      const found = typeOf(parameter);
      const expected = parameters[index] ?? (any ??= found);
      if (found !== expected) {
        const where = `${printExpression(node)} arg ${index + 1} (${printExpression(parameter)})`;
        throw new Refusal(`${where} typeError got ${found}, expected ${expected}`);
      }
    }
    const type = signature.result ?? any;
    if (!type) throw new Refusal(`${printExpression(node)} has no type`);
    return type;
  };

  try {
    return { type: typeOf(expression), types };
  } catch (error) {
    if (error instanceof Refusal) return { complaint: error.message };
    throw error;
  }
}

/** Type of an expression's text, or what is wrong with it. */
export function expressionType(
  text: string,
  scope: ExpressionScope,
): { readonly type: ValueType } | { readonly complaint: string } {
  const parsed = parseExpression(text);
  if ('complaint' in parsed)
    return { complaint: `failed to parse expression '${text}': ${parsed.complaint}` };
  const checked = checkExpression(parsed.expression, scope);
  return 'complaint' in checked ? checked : { type: checked.type };
}
