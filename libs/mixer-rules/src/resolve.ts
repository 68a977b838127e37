import {
  type CompiledExpression,
  compileExpression,
  standardVocabulary,
  type ValueType,
  type Vocabulary,
  vocabularyOf,
} from '@lateen/attributes';
import { type ConfigObject, describeObject } from '@lateen/config-schema';
import {
  type istio_policy_v1beta1_AttributeManifest,
  type istio_policy_v1beta1_Handler,
  type istio_policy_v1beta1_Instance,
  type istio_policy_v1beta1_Rule,
  structJson,
} from '@lateen/protos';
import type { AdapterType } from './handler/handler.ts';
import { compileHeaderOperations, type HeaderOperationTemplate } from './header-operation.ts';
import { findReference, fullName, shortName } from './names.ts';
import type { RuleProblem } from './problem.ts';
import { compileInstance } from './template/compile-instance.ts';
import type { InstanceBuilder, Template, Variety } from './template/template.ts';
import { templates as standardTemplates } from './template/templates.ts';

/** Mixer's configuration as it was applied. */
export interface RuleObjects {
  readonly manifests: Iterable<ConfigObject<istio_policy_v1beta1_AttributeManifest>>;
  readonly handlers: Iterable<ConfigObject<istio_policy_v1beta1_Handler>>;
  readonly instances: Iterable<ConfigObject<istio_policy_v1beta1_Instance>>;
  readonly rules: Iterable<ConfigObject<istio_policy_v1beta1_Rule>>;
}

/** What names may stand for. */
export interface ResolveOptions<A extends AdapterType> {
  /** Adapters by the names that `compiledAdapter` has for them. */
  readonly adapters: ReadonlyMap<string, A>;
  /** Templates by name; Mixer's own when absent. */
  readonly templates?: ReadonlyMap<string, Template>;
}

/** A handler whose parameters are sound. */
export interface ResolvedHandler<A extends AdapterType = AdapterType> {
  /** Full name, `denyall.handler.default`. */
  readonly name: string;
  /** Name for those who are refused: `HANDLER.ADAPTER.NAMESPACE`, whatever the spelling. */
  readonly label: string;
  readonly adapter: A;
  /** What the adapter's `decode` answered. */
  readonly config: unknown;
  /** Equal for handlers with equal adapter and parameters: one that is unchanged goes on with its state. */
  readonly fingerprint: string;
}

/** What a rule sends to one handler. */
export interface ResolvedAction {
  readonly handler: string;
  /** The handler's name for those who are refused. */
  readonly label: string;
  readonly variety: Variety;
  /** Name by which header operations use the action's output; empty without. */
  readonly name: string;
  readonly instances: readonly InstanceBuilder[];
}

/** A rule whose references were found. */
export interface ResolvedRule {
  /** `rule default/denyall`, for messages. */
  readonly name: string;
  readonly namespace: string;
  /** Always in force without one. */
  readonly match: CompiledExpression | undefined;
  readonly actions: readonly ResolvedAction[];
  readonly requestHeaderOperations: readonly HeaderOperationTemplate[];
  readonly responseHeaderOperations: readonly HeaderOperationTemplate[];
}

/** Everything that is in force, and everything that isn't with the reason. */
export interface ResolvedRules<A extends AdapterType = AdapterType> {
  readonly vocabulary: Vocabulary;
  /** Handlers that a rule uses, by full name. */
  readonly handlers: ReadonlyMap<string, ResolvedHandler<A>>;
  readonly rules: readonly ResolvedRule[];
  readonly problems: readonly RuleProblem[];
}

/**
 * Joins rules, handlers and instances. A reference that cannot be resolved is reported and drops its action alone; a
 * rule with a broken condition is dropped. Rules keep their order by namespace and name.
 */
export function resolveRules<A extends AdapterType>(
  objects: RuleObjects,
  options: ResolveOptions<A>,
): ResolvedRules<A> {
  const problems: RuleProblem[] = [];
  const complainer =
    (object: ConfigObject) =>
    (path: string, message: string): void =>
      void problems.push({ object: describeObject(object), path, message });

  const vocabulary = new Map<string, ValueType>(standardVocabulary);
  for (const [name, type] of vocabularyOf([...objects.manifests].map(({ spec }) => spec)))
    vocabulary.set(name, type);

  const handlers = new Map<string, ResolvedHandler<A> | 'refused'>();
  for (const object of objects.handlers) {
    const handler = resolveHandler(object, options.adapters, complainer(object));
    handlers.set(fullName(object), handler ?? 'refused');
  }
  const templates = options.templates ?? standardTemplates;
  const instances = new Map<string, InstanceBuilder | 'refused'>();
  for (const object of objects.instances) {
    const instance = resolveInstance(object, templates, vocabulary, complainer(object));
    instances.set(fullName(object), instance ?? 'refused');
  }

  const used = new Map<string, ResolvedHandler<A>>();
  const rules: ResolvedRule[] = [];
  for (const object of inOrder(objects.rules)) {
    const complain = complainer(object);
    const match = resolveMatch(object.spec.match, vocabulary, complain);
    if (match === 'refused') continue;
    const { namespace } = object.metadata;
    const actions: ResolvedAction[] = [];
    const outputs = new Map(vocabulary);
    for (const [index, action] of (object.spec.actions ?? []).entries()) {
      const path = `spec.actions[${index}]`;
      const handler = findReference(handlers, action.handler ?? '', { kind: 'handler', namespace });
      if (handler === undefined) complain(`${path}.handler`, `there is no handler ${action.handler}`);
      else if (handler === 'refused')
        complain(`${path}.handler`, `handler ${action.handler} has errors of its own`);
      if (handler === undefined || handler === 'refused') continue;
      const byVariety = new Map<Variety, InstanceBuilder[]>();
      for (const [at, reference] of (action.instances ?? []).entries()) {
        const where = `${path}.instances[${at}]`;
        const instance = findReference(instances, reference, { kind: 'instance', namespace });
        if (instance === undefined) complain(where, `there is no instance ${reference}`);
        else if (instance === 'refused') complain(where, `instance ${reference} has errors of its own`);
        else if (!handler.adapter.templates.includes(instance.template.name)) {
          complain(
            where,
            `adapter ${handler.adapter.name} doesn't take instances of ${instance.template.name}`,
          );
        } else if (handler.adapter.accepts?.(handler.config, instance.name) !== undefined) {
          complain(where, handler.adapter.accepts(handler.config, instance.name)!);
        } else {
          const { variety, output } = instance.template;
          byVariety.set(variety, [...(byVariety.get(variety) ?? []), instance]);
          for (const [field, type] of Object.entries(output ?? {}))
            outputs.set(`${action.name}.output.${field}`, type);
        }
      }
      if (byVariety.size === 0) complain(path, 'no instance is left, the action does nothing');
      else used.set(handler.name, handler);
      for (const [variety, builders] of byVariety) {
        actions.push({
          handler: handler.name,
          label: handler.label,
          variety,
          name: action.name ?? '',
          instances: builders,
        });
      }
    }
    const headers = (
      field: 'requestHeaderOperations' | 'responseHeaderOperations',
    ): HeaderOperationTemplate[] =>
      compileHeaderOperations(object.spec[field] ?? [], outputs, (path, message) =>
        complain(`spec.${field}${path}`, message),
      );
    const requestHeaderOperations = headers('requestHeaderOperations');
    const responseHeaderOperations = headers('responseHeaderOperations');
    if (actions.length + requestHeaderOperations.length + responseHeaderOperations.length === 0) continue;
    rules.push({
      name: describeObject(object),
      namespace,
      match,
      actions,
      requestHeaderOperations,
      responseHeaderOperations,
    });
  }
  return { vocabulary, handlers: used, rules, problems };
}

function inOrder<S>(objects: Iterable<ConfigObject<S>>): ConfigObject<S>[] {
  const key = ({ metadata }: ConfigObject): string => `${metadata.namespace}/${metadata.name}`;
  return [...objects].sort((left, right) => (key(left) < key(right) ? -1 : 1));
}

type Complain = (path: string, message: string) => void;

function resolveHandler<A extends AdapterType>(
  object: ConfigObject<istio_policy_v1beta1_Handler>,
  adapters: ReadonlyMap<string, A>,
  complain: Complain,
): ResolvedHandler<A> | undefined {
  const { compiledAdapter, adapter: external, params } = object.spec;
  if (!compiledAdapter) {
    complain('spec.adapter', `adapters of other processes are not supported: ${external || 'none is named'}`);
    return undefined;
  }
  const adapter = adapters.get(compiledAdapter);
  if (!adapter) {
    complain(
      'spec.compiledAdapter',
      `there is no adapter ${compiledAdapter}, known are ${[...adapters.keys()].join(', ')}`,
    );
    return undefined;
  }
  const json = params ? structJson(params) : {};
  const decoded = adapter.decode(json);
  if ('complaints' in decoded) {
    for (const { path, message } of decoded.complaints) complain(path, message);
    return undefined;
  }
  const fingerprint = JSON.stringify([compiledAdapter, json]);
  const name = fullName(object);
  const label = `${shortName(name)}.${compiledAdapter}.${object.metadata.namespace}`;
  return { name, label, adapter, config: decoded.config, fingerprint };
}

function resolveInstance(
  object: ConfigObject<istio_policy_v1beta1_Instance>,
  templates: ReadonlyMap<string, Template>,
  vocabulary: Vocabulary,
  complain: Complain,
): InstanceBuilder | undefined {
  const name = object.spec.compiledTemplate || object.spec.template || '';
  const template = templates.get(name);
  if (!template) {
    complain(
      'spec.compiledTemplate',
      `there is no template ${name}, known are ${[...templates.keys()].join(', ')}`,
    );
    return undefined;
  }
  const params = object.spec.params ? structJson(object.spec.params) : {};
  return compileInstance({ template, name: fullName(object), params }, vocabulary, complain);
}

function resolveMatch(
  text: string | undefined,
  vocabulary: Vocabulary,
  complain: Complain,
): CompiledExpression | undefined | 'refused' {
  if (!text?.trim()) return undefined;
  const result = compileExpression(text, { vocabulary });
  if ('complaint' in result) {
    complain('spec.match', result.complaint);
    return 'refused';
  }
  const { expression } = result;
  if (expression.type !== 'BOOL') {
    complain('spec.match', `expected an expression of type BOOL, found ${expression.type}`);
    return 'refused';
  }
  const { tree } = expression;
  return tree.kind === 'constant' && tree.value === true ? undefined : expression;
}
