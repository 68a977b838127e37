import { type AttributeSource, type AttributeValue } from '@lateen/attributes';
import {
  durationOf,
  type istio_mixer_v1_CheckResponse_PreconditionResult,
  type istio_mixer_v1_HeaderOperation,
} from '@lateen/protos';
import type { CheckResult } from '../handler/handler.ts';
import { headerOperationsFor } from '../header-operation.ts';
import { directResponse } from './direct-response.ts';
import { instanceOf, matchingEntries, type RulesInForce, workOf } from './work.ts';

/** How long the answer "nobody objects" holds. Source: istio/istio `mixer/pkg/runtime/dispatcher`. */
export const defaultCheckValidity = { durationMs: 60_000, useCount: 10_000 } as const;

/**
 * Asks every handler that rules in force name. The shortest validity counts; the first refusal gives the code, all
 * refusals the message, each with its handler's name in front; header operations ride on an answer that allows.
 * @throws AggregateError when a handler or an instance fails: then nothing may be concluded.
 */
export async function dispatchCheck(
  rules: RulesInForce,
  source: AttributeSource,
): Promise<istio_mixer_v1_CheckResponse_PreconditionResult> {
  const entries = matchingEntries(rules, 'CHECK', source);
  const outputs = new Map<string, AttributeValue>();
  const failures: unknown[] = [];
  const pending = workOf(rules, entries).map(async ({ action, handler, builder }) => {
    try {
      const result = await handler.check!(instanceOf(builder, source));
      for (const [field, value] of result.output ?? []) outputs.set(`${action.name}.output.${field}`, value);
      return { handler: action.label, result };
    } catch (error) {
      failures.push(error);
      return undefined;
    }
  });
  const results = (await Promise.all(pending)).filter((answer) => answer !== undefined);
  if (failures.length > 0) throw new AggregateError(failures, failureText(failures));

  const combined = combine(results);
  if (combined.status.code !== 0) {
    const details = results.find(({ result }) => result.code !== 0)?.result.details ?? [];
    const routeDirective = directResponse(combined.status.code, details);
    return routeDirective ? { ...combined, routeDirective } : combined;
  }
  const withOutputs: AttributeSource = { get: (name) => outputs.get(name) ?? source.get(name) };
  const requestHeaderOperations: istio_mixer_v1_HeaderOperation[] = [];
  const responseHeaderOperations: istio_mixer_v1_HeaderOperation[] = [];
  for (const { rule } of entries) {
    requestHeaderOperations.push(...headerOperationsFor(rule.requestHeaderOperations, withOutputs));
    responseHeaderOperations.push(...headerOperationsFor(rule.responseHeaderOperations, withOutputs));
  }
  if (requestHeaderOperations.length + responseHeaderOperations.length === 0) return combined;
  return { ...combined, routeDirective: { requestHeaderOperations, responseHeaderOperations } };
}

interface Answer {
  readonly handler: string;
  readonly result: CheckResult;
}

interface Combined extends istio_mixer_v1_CheckResponse_PreconditionResult {
  status: { code: number; message: string };
}

function combine(answers: readonly Answer[]): Combined {
  let durationMs: number = answers.length === 0 ? defaultCheckValidity.durationMs : Number.POSITIVE_INFINITY;
  let useCount: number = answers.length === 0 ? defaultCheckValidity.useCount : Number.POSITIVE_INFINITY;
  let code = 0;
  const messages: string[] = [];
  for (const { handler, result } of answers) {
    durationMs = Math.min(durationMs, result.validDurationMs);
    useCount = Math.min(useCount, result.validUseCount);
    if (result.code === 0) continue;
    code ||= result.code;
    messages.push(`${handler}:${result.message}`);
  }
  return {
    status: { code, message: messages.join(', ') },
    validDuration: durationOf(durationMs),
    validUseCount: useCount,
  };
}

/** Text of failures as Mixer's log and its clients' have it. */
export function failureText(failures: readonly unknown[]): string {
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  return `${failures.length} error${failures.length === 1 ? '' : 's'} occurred: ${messages.join('; ')}`;
}
