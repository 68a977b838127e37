import { RE2JS } from 're2js';
import { dnsNameComplaint } from '../extern/dns-name.ts';
import { emailComplaint } from '../extern/email.ts';
import { parseIp } from '../extern/ip.ts';
import { parseTimestamp } from '../extern/timestamp.ts';
import { uriComplaint } from '../extern/uri.ts';
import type { RawValue, ValueType } from '../value.ts';
import { EvaluationFailure } from './failure.ts';

/** Types of a function; `undefined` stands for "any type, but everywhere the same". */
export interface FunctionSignature {
  readonly name: string;
  /** Called on a receiver: `receiver.name(…)`. */
  readonly instance: boolean;
  readonly target?: ValueType | undefined;
  readonly parameters: readonly (ValueType | undefined)[];
  readonly result: ValueType | undefined;
}

/** A function with its implementation; the receiver comes first. */
export interface ExternFunction extends FunctionSignature {
  call(parameters: readonly RawValue[]): RawValue | EvaluationFailure;
}

const any = undefined;
const operator = (
  name: string,
  parameters: readonly (ValueType | undefined)[],
  result: ValueType | undefined,
): FunctionSignature => ({ name, instance: false, parameters, result });

/** Operators and functions that the compiler knows itself. */
export const builtinFunctions: readonly FunctionSignature[] = [
  operator('EQ', [any, any], 'BOOL'),
  operator('NEQ', [any, any], 'BOOL'),
  operator('LT', [any, any], 'BOOL'),
  operator('LEQ', [any, any], 'BOOL'),
  operator('GT', [any, any], 'BOOL'),
  operator('GEQ', [any, any], 'BOOL'),
  operator('LOR', ['BOOL', 'BOOL'], 'BOOL'),
  operator('LAND', ['BOOL', 'BOOL'], 'BOOL'),
  operator('OR', [any, any], any),
  operator('INDEX', ['STRING_MAP', 'STRING'], 'STRING'),
  operator('ADD', [any, any], any),
  operator('conditional', ['BOOL', any, any], any),
  operator('size', ['STRING'], 'INT64'),
];

const fail = (message: string): EvaluationFailure => new EvaluationFailure(message);

function extern(
  name: string,
  parameters: readonly ValueType[],
  result: ValueType,
  call: (...parameters: never[]) => RawValue | EvaluationFailure,
): ExternFunction {
  const spread = call as (...all: readonly RawValue[]) => RawValue | EvaluationFailure;
  return { name, instance: false, parameters, result, call: (all) => spread(...all) };
}

function method(
  name: string,
  call: (target: string, parameter: string) => boolean | EvaluationFailure,
): ExternFunction {
  const all = call as unknown as (...all: readonly RawValue[]) => RawValue | EvaluationFailure;
  return {
    name,
    instance: true,
    target: 'STRING',
    parameters: ['STRING'],
    result: 'BOOL',
    call: (parameters) => all(...parameters),
  };
}

const emptyStringMap: ReadonlyMap<string, string> = new Map();

/**
 * The functions of Mixer's expressions. A failure carries the message that Mixer gives.
 * Source: istio/istio `mixer/pkg/lang/externs.go`.
 */
export const externFunctions: readonly ExternFunction[] = [
  extern(
    'ip',
    ['STRING'],
    'IP_ADDRESS',
    (text: string) => parseIp(text) ?? fail(`could not convert ${text} to IP_ADDRESS`),
  ),
  extern(
    'timestamp',
    ['STRING'],
    'TIMESTAMP',
    (text: string) =>
      parseTimestamp(text) ??
      fail(`could not convert '${text}' to TIMESTAMP. expected format: '2006-01-02T15:04:05Z07:00'`),
  ),
  extern('dnsName', ['STRING'], 'DNS_NAME', (text: string) => {
    const complaint = dnsNameComplaint(text);
    return complaint === undefined ? text : fail(`error converting '${text}' to dns name: '${complaint}'`);
  }),
  extern('email', ['STRING'], 'EMAIL_ADDRESS', (text: string) => {
    const complaint = emailComplaint(text);
    return complaint === undefined ? text : fail(complaint);
  }),
  extern('uri', ['STRING'], 'URI', (text: string) => {
    const complaint = uriComplaint(text);
    return complaint === undefined ? text : fail(complaint);
  }),
  extern('match', ['STRING', 'STRING'], 'BOOL', matchPattern),
  extern('toLower', ['STRING'], 'STRING', (text: string) => text.toLowerCase()),
  extern(
    'conditionalString',
    ['BOOL', 'STRING', 'STRING'],
    'STRING',
    (condition: boolean, yes: string, no: string) => (condition ? yes : no),
  ),
  extern('emptyStringMap', [], 'STRING_MAP', () => emptyStringMap),
  method('matches', (pattern, text) => {
    const regex = regexOf(pattern);
    return typeof regex === 'string' ? fail(regex) : regex.test(text);
  }),
  method('startsWith', (text, prefix) => text.startsWith(prefix)),
  method('endsWith', (text, suffix) => text.endsWith(suffix)),
];

/** Does a text match a pattern with one `*` at its start or its end? Other stars are plain characters. */
export function matchPattern(text: string, pattern: string): boolean {
  if (pattern.endsWith('*')) return text.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1));
  return text === pattern;
}

const longestPattern = 4096;
const mostPatterns = 512;
const patterns = new Map<string, RE2JS | string>();

/** Compiled RE2 pattern, or why it is none. The newest few hundred are kept: a pattern may come from an attribute. */
function regexOf(pattern: string): RE2JS | string {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  let compiled: RE2JS | string;
  if (pattern.length > longestPattern) compiled = `the pattern is longer than ${longestPattern} characters`;
  else {
    try {
      compiled = RE2JS.compile(pattern);
    } catch (error) {
      compiled = error instanceof Error ? error.message : String(error);
    }
  }
  if (patterns.size >= mostPatterns) patterns.delete(patterns.keys().next().value!);
  if (pattern.length <= longestPattern) patterns.set(pattern, compiled);
  return compiled;
}
