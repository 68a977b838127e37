import type { google_protobuf_Duration, google_protobuf_Timestamp } from '@lateen/protos';
import type { AttributeSource } from '../bag.ts';
import { canonicalDnsName, dnsNameComplaint } from '../extern/dns-name.ts';
import { emailEqual, emailEqualComplaint } from '../extern/email.ts';
import { uriEqual } from '../extern/uri.ts';
import { compareTimes } from '../plain-attributes.ts';
import {
  type AttributeValue,
  ipEqual,
  ipText,
  kindOfType,
  type RawValue,
  type StringMapView,
  type ValueType,
} from '../value.ts';
import { checkExpression, type ExpressionScope } from './check.ts';
import { EvaluationFailure } from './failure.ts';
import { type ExternFunction, externFunctions } from './functions.ts';
import { parseExpression } from './parse.ts';
import { attributesIn, type Expression } from './tree.ts';

/** An expression that is ready to run. */
export interface CompiledExpression {
  readonly text: string;
  readonly type: ValueType;
  readonly tree: Expression;
  /** Names of the attributes it may read. */
  readonly attributes: ReadonlySet<string>;
  /** Value for some attributes, or why there is none. */
  evaluate(source: AttributeSource): RawValue | EvaluationFailure;
}

/** A compiled expression, or what is wrong with its text, in Mixer's words. */
export type Compiled = { readonly expression: CompiledExpression } | { readonly complaint: string };

/** Names an expression may use, with the implementations of further functions. */
export interface CompileScope extends ExpressionScope {
  readonly functions?: readonly ExternFunction[];
}

/** Answer of an operand of `|` that has no value. */
const absent = Symbol('absent');

type Result = RawValue | EvaluationFailure;

/** Two ways to run a part: where a value must be there, and as an operand of `|`, where it may be absent. */
interface Program {
  readonly strict: (source: AttributeSource) => Result;
  readonly attempt: (source: AttributeSource) => Result | typeof absent;
}

const always = (strict: Program['strict']): Program => ({ strict, attempt: strict });

class Refusal extends Error {}

/**
 * Compiles an expression to closures. Attributes are read left to right, short-circuited ones not at all: what was
 * read decides for how many requests an answer may be reused. Source: istio/istio `mixer/pkg/il/compiler`.
 */
export function compileExpression(text: string, scope: CompileScope): Compiled {
  const parsed = parseExpression(text);
  if ('complaint' in parsed) return parsed;
  const tree = parsed.expression;
  const checked = checkExpression(tree, scope);
  if ('complaint' in checked) return checked;
  const functions = new Map(
    [...externFunctions, ...(scope.functions ?? [])].map((entry) => [entry.name, entry]),
  );
  try {
    const { strict } = new Compiler(checked.types, functions).program(tree);
    return {
      expression: { text, type: checked.type, tree, attributes: attributesIn(tree), evaluate: strict },
    };
  } catch (error) {
    if (error instanceof Refusal) return { complaint: error.message };
    throw error;
  }
}

class Compiler {
  readonly #types: ReadonlyMap<Expression, ValueType>;
  readonly #functions: ReadonlyMap<string, ExternFunction>;

  constructor(types: ReadonlyMap<Expression, ValueType>, functions: ReadonlyMap<string, ExternFunction>) {
    this.#types = types;
    this.#functions = functions;
  }

  program(node: Expression): Program {
    if (node.kind === 'constant') {
      const { value } = node;
      return always(() => value);
    }
    if (node.kind === 'attribute') return attributeProgram(node.name, this.#type(node));
    const [first, second, third] = node.parameters;
    switch (node.name) {
      case 'LAND':
        return this.#shortCircuit(first!, second!, false);
      case 'LOR':
        return this.#shortCircuit(first!, second!, true);
      case 'EQ':
        return this.#both(first!, second!, equality(this.#type(first!)));
      case 'NEQ':
        return this.#both(first!, second!, (left, right) => {
          const equal = equality(this.#type(first!))(left, right);
          return equal instanceof EvaluationFailure ? equal : !equal;
        });
      case 'LT':
        return this.#compare(first!, second!, (order) => order < 0);
      case 'LEQ':
        return this.#compare(first!, second!, (order) => order <= 0);
      case 'GT':
        return this.#compare(first!, second!, (order) => order > 0);
      case 'GEQ':
        return this.#compare(first!, second!, (order) => order >= 0);
      case 'OR':
        return this.#fallback(first!, second!);
      case 'INDEX':
        return this.#index(first!, second!);
      case 'ADD':
        return this.#add(first!, second!);
      case 'conditional':
        return this.#conditional(first!, second!, third!);
      case 'size': {
        const { strict } = this.program(first!);
        return always((source) => {
          const text = strict(source);
          return text instanceof EvaluationFailure ? text : Buffer.byteLength(text as string);
        });
      }
      default:
        return this.#extern(node);
    }
  }

  #type(node: Expression): ValueType {
    return this.#types.get(node)!;
  }

  #shortCircuit(left: Expression, right: Expression, decisive: boolean): Program {
    const first = this.program(left).strict;
    const second = this.program(right).strict;
    return always((source) => {
      const value = first(source);
      return value === !decisive ? second(source) : value;
    });
  }

  #both(left: Expression, right: Expression, combine: (left: RawValue, right: RawValue) => Result): Program {
    const first = this.program(left).strict;
    const second = this.program(right).strict;
    return always((source) => {
      const leftValue = first(source);
      if (leftValue instanceof EvaluationFailure) return leftValue;
      const rightValue = second(source);
      return rightValue instanceof EvaluationFailure ? rightValue : combine(leftValue, rightValue);
    });
  }

  #compare(left: Expression, right: Expression, decide: (order: number) => boolean): Program {
    const order = ordering(this.#type(left));
    return this.#both(left, right, (a, b) => decide(order(a, b)));
  }

  #fallback(left: Expression, right: Expression): Program {
    const first = this.program(left).attempt;
    const second = this.program(right);
    return {
      strict: (source) => {
        const value = first(source);
        return value === absent ? second.strict(source) : value;
      },
      attempt: (source) => {
        const value = first(source);
        return value === absent ? second.attempt(source) : value;
      },
    };
  }

  #index(mapNode: Expression, keyNode: Expression): Program {
    const map = this.program(mapNode);
    const key = this.program(keyNode);
    return {
      strict: (source) => {
        const entries = map.strict(source);
        if (entries instanceof EvaluationFailure) return entries;
        const name = key.strict(source);
        // A missing key reads as the empty text where no `|` follows.
        return name instanceof EvaluationFailure
          ? name
          : ((entries as StringMapView).get(name as string) ?? '');
      },
      attempt: (source) => {
        const entries = map.attempt(source);
        if (entries === absent || entries instanceof EvaluationFailure) return entries;
        const name = key.attempt(source);
        if (name === absent || name instanceof EvaluationFailure) return name;
        return (entries as StringMapView).get(name as string) ?? absent;
      },
    };
  }

  #add(left: Expression, right: Expression): Program {
    const kind = kindOfType(this.#type(left));
    if (kind === 'string') return this.#both(left, right, (a, b) => (a as string) + (b as string));
    if (kind === 'int64' || kind === 'double')
      return this.#both(left, right, (a, b) => (a as number) + (b as number));
    throw new Refusal(
      `internal compiler error -- Add for type not yet implemented: ${machineType(this.#type(left))}`,
    );
  }

  #conditional(conditionNode: Expression, yesNode: Expression, noNode: Expression): Program {
    const condition = this.program(conditionNode).strict;
    const yes = this.program(yesNode).strict;
    const no = this.program(noNode).strict;
    return always((source) => {
      const holds = condition(source);
      if (holds instanceof EvaluationFailure) return holds;
      return holds ? yes(source) : no(source);
    });
  }

  #extern(node: Expression & { kind: 'call' }): Program {
    const implementation = this.#functions.get(node.name);
    if (!implementation) throw new Refusal(`unknown function: ${node.name}`);
    const parts = [...(node.target ? [node.target] : []), ...node.parameters].map(
      (part) => this.program(part).strict,
    );
    return always((source) => {
      const values: RawValue[] = [];
      for (const part of parts) {
        const value = part(source);
        if (value instanceof EvaluationFailure) return value;
        values.push(value);
      }
      return implementation.call(values);
    });
  }
}

function attributeProgram(name: string, type: ValueType): Program {
  const kind = kindOfType(type);
  const missing = new EvaluationFailure(`lookup failed: '${name}'`);
  const read = (attribute: AttributeValue): Result =>
    attribute.kind === kind
      ? attribute.value
      : new EvaluationFailure(
          `error converting value to ${machineType(type)}: '${attributeText(attribute)}'`,
        );
  return {
    strict: (source) => {
      const attribute = source.get(name);
      return attribute === undefined ? missing : read(attribute);
    },
    attempt: (source) => {
      const attribute = source.get(name);
      return attribute === undefined ? absent : read(attribute);
    },
  };
}

function attributeText(attribute: AttributeValue): string {
  if (attribute.kind === 'bytes') return ipText(attribute.value);
  return typeof attribute.value === 'object' ? attribute.kind : String(attribute.value);
}

/** Names of Mixer's interpreter for types, which its messages use. */
function machineType(type: ValueType): string {
  const kind = kindOfType(type);
  if (kind === 'int64') return 'integer';
  return kind === 'string' || kind === 'bool' || kind === 'double' || kind === 'duration'
    ? kind
    : 'interface';
}

function equality(type: ValueType): (left: RawValue, right: RawValue) => boolean | EvaluationFailure {
  switch (type) {
    case 'STRING':
    case 'INT64':
    case 'DOUBLE':
    case 'BOOL':
      return (left, right) => left === right;
    case 'TIMESTAMP':
      return (left, right) =>
        compareTimes(left as google_protobuf_Timestamp, right as google_protobuf_Timestamp) === 0;
    case 'DURATION':
      return (left, right) =>
        compareTimes(left as google_protobuf_Duration, right as google_protobuf_Duration) === 0;
    case 'IP_ADDRESS':
      return (left, right) => ipEqual(left as Uint8Array, right as Uint8Array);
    case 'DNS_NAME':
      return dnsNameEqual as (left: RawValue, right: RawValue) => boolean | EvaluationFailure;
    case 'EMAIL_ADDRESS':
      return (left, right) => {
        const complaint = emailEqualComplaint(left as string, right as string);
        return complaint === undefined
          ? emailEqual(left as string, right as string)
          : new EvaluationFailure(complaint);
      };
    case 'URI':
      return (left, right) => {
        const equal = uriEqual(left as string, right as string);
        return typeof equal === 'string' ? new EvaluationFailure(equal) : equal;
      };
    case 'STRING_MAP':
      throw new Refusal('internal compiler error -- Equality for type not yet implemented: interface');
  }
}

function dnsNameEqual(left: string, right: string): boolean | EvaluationFailure {
  const complaint = dnsNameComplaint(left) ?? dnsNameComplaint(right);
  if (complaint !== undefined) return new EvaluationFailure(complaint);
  return canonicalDnsName(left) === canonicalDnsName(right);
}

function ordering(type: ValueType): (left: RawValue, right: RawValue) => number {
  const kind = kindOfType(type);
  if (type === 'STRING') return compareText as (left: RawValue, right: RawValue) => number;
  if (kind === 'int64' || kind === 'double') return (left, right) => (left as number) - (right as number);
  if (kind === 'timestamp' || kind === 'duration') {
    return (left, right) =>
      compareTimes(left as google_protobuf_Timestamp, right as google_protobuf_Timestamp);
  }
  throw new Refusal(
    `internal compiler error -- Comparison for type not yet implemented: ${machineType(type)}`,
  );
}

/** Order of two texts by their UTF-8 bytes, which differs from UTF-16 order where surrogates are met. */
function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    const bothHigh = a >= 0xd800 && b >= 0xd800;
    return bothHigh ? ((a + 0x2000) & 0xffff) - ((b + 0x2000) & 0xffff) || a - b : a - b;
  }
  return left.length - right.length;
}
