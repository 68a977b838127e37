import type { AttributeSource } from '@lateen/attributes';
import type { QuotaArguments, QuotaResult } from '../handler/handler.ts';
import { shortName } from '../names.ts';
import { instanceOf, matchingEntries, type RulesInForce, workOf } from './work.ts';

/** What became of a quota request. */
export interface QuotaAnswer extends QuotaResult {
  /** No rule in force knows the quota: it was granted in full. */
  readonly unknown: boolean;
}

/** How long a grant of an unknown quota holds. Milliseconds. */
const unknownValidityMs = 60_000;

/**
 * Asks the handler of a quota that a rule in force names, by its short or full name; the first such rule counts.
 * @throws Error when the handler or the instance fails.
 */
export async function dispatchQuota(
  rules: RulesInForce,
  source: AttributeSource,
  request: QuotaArguments & { readonly quota: string },
): Promise<QuotaAnswer> {
  const work = workOf(rules, matchingEntries(rules, 'QUOTA', source)).find(
    ({ builder }) => builder.name === request.quota || shortName(builder.name) === shortName(request.quota),
  );
  if (!work) return { amount: request.amount, validDurationMs: unknownValidityMs, unknown: true };
  const result = await work.handler.quota!(instanceOf(work.builder, source), request);
  const message = result.code ? `${work.action.label}:${result.message ?? ''}` : (result.message ?? '');
  return { ...result, message, unknown: false };
}
