import {
  type AttributeSource,
  type AttributeValue,
  attributeOf,
  checkExpression,
  compileExpression,
  EvaluationFailure,
  type ExternFunction,
  emailParts,
  type FunctionSignature,
  kindOfType,
  type MutableBag,
  parseExpression,
  printExpression,
  requiredEqualities,
  expressionType,
  externFunctions,
  type RawValue,
  type StringMapView,
  type ValueType,
  type Vocabulary,
} from '@lateen/attributes';
import { bagOf, plain, type Row, rows, same, type Tally, table, tally, valueOf } from './corpus.ts';

interface Signature {
  readonly name: string;
  readonly instance: boolean;
  readonly targetType: string;
  readonly returnType: string;
  readonly argumentTypes?: readonly string[];
}

const typeOrAny = (name: string): ValueType | undefined =>
  name === 'VALUE_TYPE_UNSPECIFIED' ? undefined : (name as ValueType);

function signatureOf(row: Signature): FunctionSignature {
  return {
    name: row.name,
    instance: row.instance,
    target: typeOrAny(row.targetType),
    parameters: (row.argumentTypes ?? []).map(typeOrAny),
    result: typeOrAny(row.returnType),
  };
}

const vocabulary = (types: unknown): Vocabulary =>
  new Map(Object.entries(types as Record<string, ValueType>));

/** Notes reads in the corpus' notation: `name`, `-name` when absent, `map[key]`, `-map[key]`. */
class NotingSource implements AttributeSource {
  readonly seen = new Set<string>();
  readonly #bag: MutableBag;

  constructor(bag: MutableBag) {
    this.#bag = bag;
  }

  get(name: string): AttributeValue | undefined {
    const value = this.#bag.get(name);
    this.seen.add(value ? name : `-${name}`);
    if (value?.kind !== 'stringMap') return value;
    const view: StringMapView = {
      get: (key) => {
        const entry = value.value.get(key);
        this.seen.add(entry === undefined ? `-${name}[${key}]` : `${name}[${key}]`);
        return entry;
      },
      entries: () => value.value.entries(),
    };
    return { kind: 'stringMap', value: view };
  }
}

interface Expected {
  readonly result?: unknown;
  readonly type?: ValueType;
  readonly compileErr?: string;
  readonly evalErrPrefix?: string;
  readonly referenced?: string[];
}

function runExpression(row: Row): void {
  const manifests = table<Record<string, unknown>>('mixer-expr/manifests.json');
  const expected = row.expected as Expected;
  const observed = (row.observed ?? {}) as { referenced?: string[]; ast?: string };
  const functions: ExternFunction[] = ((row.extraFunctions ?? []) as Signature[]).map((signature) => ({
    ...signatureOf(signature),
    call: ([text]) => (text as string).split('').toReversed().join(''),
  }));
  // il-354 calls the test program's `reverse` as a method.
  if ((row.expr as string).includes('.reverse()') && functions.length === 0) {
    const call = ([text]: readonly RawValue[]): RawValue => (text as string).split('').toReversed().join('');
    functions.push({
      name: 'reverse',
      instance: true,
      target: 'STRING',
      parameters: [],
      result: 'STRING',
      call,
    });
  }
  const compiled = compileExpression(row.expr as string, {
    vocabulary: vocabulary(manifests[row.manifest as string]),
    functions,
  });
  if (expected.compileErr !== undefined || 'complaint' in compiled) {
    return same('complaint' in compiled ? compiled.complaint : 'compiled', expected.compileErr);
  }
  const { expression } = compiled;
  same(expression.type, expected.type);
  if (observed.ast !== undefined) same(printExpression(expression.tree), observed.ast);
  const source = new NotingSource(bagOf(row.attributes));
  const result = expression.evaluate(source);
  if (result instanceof EvaluationFailure) {
    const prefix = expected.evalErrPrefix;
    // Go 1.13 and later quote the text in this message differently; both are right.
    const found = result.message.replace('parse ":/":', 'parse :/:');
    if (prefix === undefined || !found.startsWith(prefix)) same(result.message, prefix ?? 'a value');
  } else {
    if (expected.result === undefined) same('a value', expected.evalErrPrefix);
    same(plain(attributeOf(expression.type, result)), plain(valueOf(expected.result)));
  }
  const referenced = expected.referenced ?? observed.referenced;
  if (referenced) same([...source.seen].sort(), [...referenced].sort());
}

function runTree(row: Row): void {
  const text = row.expr as string;
  const parsed = parseExpression(text ?? '');
  const tree = 'expression' in parsed ? parsed.expression : undefined;
  const complaint = (found: string | undefined): void => {
    if (found === undefined || !found.includes(row.errContains as string)) same(found, row.errContains);
  };
  switch (row.kind) {
    case 'parse':
      return same(tree && printExpression(tree), row.ast);
    case 'badParse':
      return complaint('complaint' in parsed ? parsed.complaint : undefined);
    case 'extractEq': {
      if (!tree) throw new Error('does not parse');
      const found = [...requiredEqualities(tree)].map(([name, { type, value }]) => [
        name,
        plain(attributeOf(type, value)),
      ]);
      const expected = Object.entries(row.eq as object).map(([name, value]) => [name, plain(valueOf(value))]);
      return same(Object.fromEntries(found), Object.fromEntries(expected));
    }
    case 'constant': {
      const constant = parseExpression(row.text as string);
      const value =
        'expression' in constant &&
        constant.expression.kind === 'constant' &&
        constant.expression.type === row.valueType
          ? plain(attributeOf(constant.expression.type, constant.expression.value))
          : 'no such constant';
      return same(value, 'errContains' in row ? 'no such constant' : plain(valueOf(row.value)));
    }
    default: {
      const scope = {
        vocabulary: vocabulary(row.attributes),
        functions: ((row.functions ?? []) as Signature[]).map(signatureOf),
      };
      const checked =
        row.kind === 'checker' || !tree ? expressionType(text, scope) : checkExpression(tree, scope);
      if ('errContains' in row) return complaint('complaint' in checked ? checked.complaint : undefined);
      return same('type' in checked ? checked.type : checked.complaint, row.returnType);
    }
  }
}

const equalTypes: Readonly<Record<string, ValueType>> = {
  dnsName_equal: 'DNS_NAME',
  email_equal: 'EMAIL_ADDRESS',
  uri_equal: 'URI',
  ip_equal: 'IP_ADDRESS',
  timestamp_equal: 'TIMESTAMP',
};

function runExtern(row: Row): void {
  const args = (row.args as unknown[]).map(valueOf);
  const name = row.fn as string;
  if (name === 'getEmailParts') return same(emailParts(args[0]!.value as string), row.results);
  const equalType = equalTypes[name];
  let result: RawValue | EvaluationFailure;
  let type: ValueType;
  if (equalType) {
    const scope = {
      vocabulary: new Map([
        ['l', equalType],
        ['r', equalType],
      ] as const),
    };
    const compiled = compileExpression('l == r', scope);
    if ('complaint' in compiled) throw new Error(compiled.complaint);
    result = compiled.expression.evaluate({ get: (side) => args[side === 'l' ? 0 : 1] });
    type = 'BOOL';
  } else {
    const found = externFunctions.find((candidate) => candidate.name === name)!;
    result = found.call(args.map((argument) => argument.value));
    type = found.result!;
  }
  if (row.error) {
    if (!(result instanceof EvaluationFailure)) throw new Error('no error');
    return;
  }
  if (result instanceof EvaluationFailure) throw new Error(result.message);
  same(plain(attributeOf(type, result)), plain(valueOf(row.result)));
}

function runSignature(row: Row): void {
  const expected = signatureOf(row as unknown as Signature);
  const scope = { vocabulary: new Map<string, ValueType>() };
  // A call without arguments is refused for its arity (or instance), never as unknown.
  const parsed = parseExpression(`${expected.name}()`);
  if ('complaint' in parsed) throw new Error(parsed.complaint);
  const checked = checkExpression(parsed.expression, scope);
  const found =
    'complaint' in checked
      ? checked.complaint
      : `${expected.name}() is ${checked.type}, ${kindOfType(checked.type)}`;
  if (expected.instance) same(found, `invoking instance method without an instance: ${expected.name}`);
  else if (expected.parameters.length === 0)
    same(found, `${expected.name}() is ${expected.result}, stringMap`);
  else
    same(
      found,
      `${expected.name}() arity mismatch. Got 0 arg(s), expected ${expected.parameters.length} arg(s)`,
    );
}

/** Tallies of the expression language's files. */
export const expressionTallies: Readonly<Record<string, () => Promise<Tally>>> = {
  'mixer-expr/il-tests': () => tally(rows('mixer-expr/il-tests.json'), runExpression),
  'mixer-expr/ast-tests': () => tally(rows('mixer-expr/ast-tests.json'), runTree),
  'mixer-expr/externs': () => tally(rows('mixer-expr/externs.json'), runExtern),
  'mixer-expr/functions': () => tally(rows('mixer-expr/functions.json'), runSignature),
};
