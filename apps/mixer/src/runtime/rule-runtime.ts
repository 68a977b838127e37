import type { AttributeSource } from '@lateen/attributes';
import type { ConfigObject } from '@lateen/config-schema';
import {
  type Handler,
  type ResolvedHandler,
  resolveRules,
  RuleTable,
  type RuleObjects,
  type RulesInForce,
} from '@lateen/mixer-rules';
import type {
  istio_networking_v1alpha3_WorkloadEntry,
  istio_policy_v1beta1_AttributeManifest,
  istio_policy_v1beta1_Handler,
  istio_policy_v1beta1_Instance,
  istio_policy_v1beta1_Rule,
} from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import type { Adapter, AdapterSurroundings } from '../adapters/adapter.ts';
import { adapters } from '../adapters/adapters.ts';
import { WorkloadAttributes } from './workload-attributes.ts';

/** Collections that mixer takes from galley. */
export const mixerCollections = {
  rules: 'istio/policy/v1beta1/rules',
  handlers: 'istio/policy/v1beta1/handlers',
  instances: 'istio/policy/v1beta1/instances',
  manifests: 'istio/policy/v1beta1/attributemanifests',
  workloads: 'istio/networking/v1alpha3/workloadentries',
} as const;

interface Running {
  readonly fingerprint: string;
  readonly handler: Handler;
}

/** Failed expressions are logged so often at most, since every request may fail alike. Milliseconds. */
const failureLogIntervalMs = 10_000;

/**
 * The rules in force with their running handlers. A new configuration replaces them in one step; handlers that are
 * unchanged go on with their state, those that nobody uses any more are closed.
 */
export class RuleRuntime {
  readonly #rootNamespace: string;
  readonly #surroundings: AdapterSurroundings;
  readonly #workloads = new WorkloadAttributes();
  #handlers = new Map<string, Running>();
  #current: RulesInForce | undefined;
  #lastFailureAt = Number.NEGATIVE_INFINITY;

  constructor(rootNamespace: string, surroundings: AdapterSurroundings) {
    this.#rootNamespace = rootNamespace;
    this.#surroundings = surroundings;
  }

  /** What is in force; `undefined` before the first configuration. */
  get current(): RulesInForce | undefined {
    return this.#current;
  }

  /** Attributes as rules see them: with what the mesh's registry knows of both ends. */
  attributes(source: AttributeSource): AttributeSource {
    return this.#workloads.over(source);
  }

  /**
   * Takes a configuration, by collection and name. What is wrong with it is logged and counted, the rest holds.
   * `changed` names what is other than before (`collection namespace/name`): workloads come and go without a new look
   * at the rules.
   */
  apply(
    objects: ReadonlyMap<string, ReadonlyMap<string, ConfigObject>>,
    changed?: ReadonlySet<string>,
  ): void {
    const { logger, metrics } = this.#surroundings;
    const workloads = [...(objects.get(mixerCollections.workloads)?.values() ?? [])];
    this.#workloads.set(workloads as ConfigObject<istio_networking_v1alpha3_WorkloadEntry>[]);
    const workloadsAlone =
      changed && [...changed].every((name) => name.startsWith(`${mixerCollections.workloads} `));
    if (this.#current && workloadsAlone) return;
    const resolved = resolveRules(ruleObjects(objects), { adapters });
    for (const { object, path, message } of resolved.problems) logger.warn({ object, path }, message);
    let problems = resolved.problems.length;

    const next = new Map<string, Running>();
    for (const handler of resolved.handlers.values()) {
      const known = this.#handlers.get(handler.name);
      if (known?.fingerprint === handler.fingerprint) next.set(handler.name, known);
      else {
        const created = this.#create(handler);
        if (created) next.set(handler.name, { fingerprint: handler.fingerprint, handler: created });
        else problems += 1;
      }
    }
    const before = this.#handlers;
    this.#handlers = next;
    this.#current = {
      table: new RuleTable(resolved.rules, this.#rootNamespace),
      handlers: new Map([...next].map(([name, running]) => [name, running.handler])),
      failed: (rule, message) => this.#evaluationFailed(rule, message),
    };
    metrics.gauge('mixer_config_rules', 'Rules in force').set(resolved.rules.length);
    metrics.gauge('mixer_config_handlers', 'Handlers that rules in force use').set(next.size);
    metrics.gauge('mixer_config_problems', 'Parts of the configuration that are left out').set(problems);
    const kept = new Set([...next.values()].map((running) => running.handler));
    for (const { handler } of before.values()) if (!kept.has(handler)) this.#close(handler);
  }

  /** Closes every handler. */
  close(): void {
    for (const { handler } of this.#handlers.values()) this.#close(handler);
    this.#handlers.clear();
  }

  #create({ name, adapter, config }: ResolvedHandler<Adapter>): Handler | undefined {
    try {
      return adapter.create(config, this.#surroundings);
    } catch (error) {
      this.#surroundings.logger.error({ err: error, handler: name }, 'a handler could not be started');
      return undefined;
    }
  }

  #close(handler: Handler): void {
    const failed = (error: unknown): void =>
      this.#surroundings.logger.warn({ reason: messageOf(error) }, 'a handler could not be closed');
    try {
      Promise.resolve(handler.close?.()).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #evaluationFailed(rule: string, message: string): void {
    const { clock, logger, metrics } = this.#surroundings;
    metrics.counter('mixer_expression_failures_total', 'Expressions of rules that had no value').inc();
    if (clock.monotonic() - this.#lastFailureAt < failureLogIntervalMs) return;
    this.#lastFailureAt = clock.monotonic();
    logger.info({ rule, reason: message }, 'an expression had no value');
  }
}

/** Mixer's objects of a snapshot; the collections' messages are what their names say. */
function ruleObjects(objects: ReadonlyMap<string, ReadonlyMap<string, ConfigObject>>): RuleObjects {
  const of = <S>(collection: string): ConfigObject<S>[] =>
    [...(objects.get(collection)?.values() ?? [])] as ConfigObject<S>[];
  return {
    manifests: of<istio_policy_v1beta1_AttributeManifest>(mixerCollections.manifests),
    handlers: of<istio_policy_v1beta1_Handler>(mixerCollections.handlers),
    instances: of<istio_policy_v1beta1_Instance>(mixerCollections.instances),
    rules: of<istio_policy_v1beta1_Rule>(mixerCollections.rules),
  };
}
