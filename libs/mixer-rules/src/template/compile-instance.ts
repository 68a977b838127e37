import {
  type AttributeSource,
  type CompiledExpression,
  compileExpression,
  EvaluationFailure,
  type Vocabulary,
} from '@lateen/attributes';
import type { Json } from '@lateen/protos';
import type { Instance, InstanceBuilder, Template, TemplateField, TypedValue } from './template.ts';
import { valueText } from './value-text.ts';

/** Told what is wrong with a field of an instance's parameters. */
export type Complain = (path: string, message: string) => void;

interface Compiled {
  readonly values: [field: string, expression: CompiledExpression, asText: boolean][];
  readonly maps: [field: string, entries: [key: string, expression: CompiledExpression][]][];
}

type JsonObject = { readonly [key: string]: Json };

const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/** Spellings of a field are the same when they differ in underscores and case alone, as in Mixer's own decoder. */
const canonical = (name: string): string => name.replaceAll('_', '').toLowerCase();

/**
 * Compiles an instance's parameters: expressions shaped as the template says. Answers `undefined` after it complained
 * about each field that doesn't fit.
 */
export function compileInstance(
  instance: { readonly template: Template; readonly name: string; readonly params: JsonObject },
  vocabulary: Vocabulary,
  complain: Complain,
): InstanceBuilder | undefined {
  const { template, name } = instance;
  const compiled: Compiled = { values: [], maps: [] };
  let sound = true;
  const report: Complain = (path, message) => {
    sound = false;
    complain(path, message);
  };

  const expression = (json: Json, type: string, path: string): CompiledExpression | undefined => {
    if (typeof json === 'object') {
      report(path, 'expected an expression');
      return undefined;
    }
    const result = compileExpression(String(json), { vocabulary });
    if ('complaint' in result) {
      report(path, result.complaint);
      return undefined;
    }
    // A text field takes other values as they read: Istio's own samples list IP addresses.
    const readable = type === 'STRING' && result.expression.type !== 'STRING_MAP';
    if (type !== 'any' && result.expression.type !== type && !readable) {
      report(path, `expected an expression of type ${type}, found ${result.expression.type}`);
      return undefined;
    }
    return result.expression;
  };

  const visit = (fields: Readonly<Record<string, TemplateField>>, json: JsonObject, prefix: string): void => {
    const given = new Map(Object.keys(json).map((key) => [canonical(key), key]));
    for (const [field, definition] of Object.entries(fields)) {
      const key = given.get(canonical(field));
      given.delete(canonical(field));
      const value = key === undefined ? undefined : json[key];
      const path = `spec.params.${prefix}${key ?? field}`;
      if (value === undefined || value === null || value === '') {
        if ('required' in definition && definition.required)
          report(path, `template ${template.name} needs this field`);
        continue;
      }
      if ('fields' in definition) {
        if (isObject(value)) visit(definition.fields, value, `${prefix}${field}.`);
        else report(path, 'expected a group of fields');
      } else if (definition.map) {
        if (!isObject(value)) {
          report(path, 'expected a map of expressions');
          continue;
        }
        const entries: [string, CompiledExpression][] = [];
        for (const entry of Object.keys(value)) {
          const part = expression(value[entry]!, definition.type, `${path}.${entry}`);
          if (part) entries.push([entry, part]);
        }
        compiled.maps.push([`${prefix}${field}`, entries]);
      } else {
        const part = expression(value, definition.type, path);
        if (part) {
          const asText = definition.type === 'STRING' && part.type !== 'STRING';
          compiled.values.push([`${prefix}${field}`, part, asText]);
        }
      }
    }
    for (const key of given.values()) {
      report(`spec.params.${prefix}${key}`, `template ${template.name} has no field ${key}`);
    }
  };
  visit(template.fields, instance.params, '');
  return sound
    ? { template, name, build: (source) => build(template.name, name, compiled, source) }
    : undefined;
}

function build(
  template: string,
  name: string,
  compiled: Compiled,
  source: AttributeSource,
): Instance | EvaluationFailure {
  const values = new Map<string, TypedValue>();
  for (const [field, expression, asText] of compiled.values) {
    const value = expression.evaluate(source);
    if (value instanceof EvaluationFailure) return failure(name, field, value);
    const typed = { type: expression.type, value };
    values.set(field, asText ? { type: 'STRING', value: valueText(typed) } : typed);
  }
  const maps = new Map<string, ReadonlyMap<string, TypedValue>>();
  for (const [field, entries] of compiled.maps) {
    const map = new Map<string, TypedValue>();
    for (const [key, expression] of entries) {
      const value = expression.evaluate(source);
      if (value instanceof EvaluationFailure) return failure(name, `${field}[${key}]`, value);
      map.set(key, { type: expression.type, value });
    }
    maps.set(field, map);
  }
  return { template, name, values, maps };
}

function failure(instance: string, field: string, { message }: EvaluationFailure): EvaluationFailure {
  return new EvaluationFailure(
    `failed to evaluate expression for field '${field}' of ${instance}: ${message}`,
  );
}
