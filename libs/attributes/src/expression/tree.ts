import type { RawValue, ValueType } from '../value.ts';

/** A parsed expression. */
export type Expression =
  | { readonly kind: 'constant'; readonly type: ValueType; readonly value: RawValue; readonly text: string }
  | { readonly kind: 'attribute'; readonly name: string }
  | {
      readonly kind: 'call';
      /** Function name; operators are functions with Mixer's names: `EQ`, `LAND`, `OR` (`|`), `INDEX` (`[ ]`), … */
      readonly name: string;
      /** Receiver of a method call such as `a.startsWith("x")`. */
      readonly target: Expression | undefined;
      readonly parameters: readonly Expression[];
    };

/** Prefix form of an expression, as Mixer's messages print it: `EQ(OR($a, "x"), "y")`, `$a:startsWith("x")`. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'constant':
      return expression.text;
    case 'attribute':
      return `$${expression.name}`;
    case 'call': {
      const target = expression.target ? `${printExpression(expression.target)}:` : '';
      return `${target}${expression.name}(${expression.parameters.map(printExpression).join(', ')})`;
    }
  }
}

/** Names of the attributes that an expression reads, each once. */
export function attributesIn(expression: Expression): Set<string> {
  const names = new Set<string>();
  const visit = (node: Expression): void => {
    if (node.kind === 'attribute') names.add(node.name);
    if (node.kind !== 'call') return;
    if (node.target) visit(node.target);
    for (const parameter of node.parameters) visit(parameter);
  };
  visit(expression);
  return names;
}

/**
 * Comparisons `attribute == literal` that must hold for the whole to be true: those joined by `&&` at the top. Rules
 * are indexed by them.
 */
export function requiredEqualities(expression: Expression): Map<string, Expression & { kind: 'constant' }> {
  const found = new Map<string, Expression & { kind: 'constant' }>();
  const visit = (node: Expression): void => {
    if (node.kind !== 'call' || node.parameters.length !== 2) return;
    const [left, right] = node.parameters as [Expression, Expression];
    if (node.name === 'LAND') {
      visit(left);
      visit(right);
    } else if (node.name === 'EQ') {
      if (left.kind === 'attribute' && right.kind === 'constant') found.set(left.name, right);
      else if (left.kind === 'constant' && right.kind === 'attribute') found.set(right.name, left);
    }
  };
  visit(expression);
  return found;
}
