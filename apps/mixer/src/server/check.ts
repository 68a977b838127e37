import { decompressAttributes, TrackedBag } from '@lateen/attributes';
import { dispatchCheck, dispatchQuota } from '@lateen/mixer-rules';
import {
  durationOf,
  type istio_mixer_v1_CheckRequest,
  type istio_mixer_v1_CheckResponse,
  type istio_mixer_v1_CheckResponse_QuotaResult,
} from '@lateen/protos';
import { RpcError, rpcStatus } from '@lateen/rpc';
import { type Logger, messageOf } from '@lateen/runtime';
import { checkDictionary } from './dictionary.ts';
import type { Judgement } from './judgement.ts';

/** Quotas that one request may ask for. */
const mostQuotas = 100;

/**
 * Answers a Check: the precondition, and each quota when the precondition allows. What was read of the attributes goes
 * with each answer, a quota's apart from the precondition's. @throws RpcError INTERNAL when a handler failed.
 */
export async function answerCheck(
  request: istio_mixer_v1_CheckRequest,
  { rules, attributes }: Judgement,
  logger: Logger,
): Promise<istio_mixer_v1_CheckResponse> {
  const globalWordCount = checkDictionary(request.globalWordCount);
  const quotas = Object.keys(request.quotas ?? {});
  if (quotas.length > mostQuotas) {
    throw new RpcError(
      rpcStatus.INVALID_ARGUMENT,
      `a check may ask for ${mostQuotas} quotas, found ${quotas.length}`,
    );
  }
  const decoded = decompressAttributes(request.attributes ?? {}, { unknownIndex: 'drop' });
  if ('complaint' in decoded) {
    throw new RpcError(
      rpcStatus.INVALID_ARGUMENT,
      `Request could not be processed due to invalid attributes: ${decoded.complaint}`,
    );
  }
  const bag = new TrackedBag(decoded.bag);
  const source = attributes(bag);
  const restore = bag.snapshot();
  const precondition = await dispatchCheck(rules, source).catch((error: unknown) => {
    throw new RpcError(rpcStatus.INTERNAL, `performing check operation failed: ${messageOf(error)}`, error);
  });
  precondition.referencedAttributes = bag.referenced({ globalWordCount });
  const response: istio_mixer_v1_CheckResponse = { precondition };
  if (precondition.status?.code || quotas.length === 0) return response;

  const results: { [quota: string]: istio_mixer_v1_CheckResponse_QuotaResult } = Object.create(null);
  for (const quota of quotas) {
    restore();
    const { amount = 0, bestEffort = false } = request.quotas![quota]!;
    const deduplicationId = request.deduplicationId ? `${request.deduplicationId}${quota}` : '';
    results[quota] = await dispatchQuota(rules, source, { quota, amount, bestEffort, deduplicationId }).then(
      (answer) => {
        if (answer.unknown) logger.debug({ quota }, 'nobody knows the quota, it is granted in full');
        return {
          grantedAmount: answer.amount,
          validDuration: durationOf(answer.validDurationMs),
          status: { code: answer.code ?? 0, message: answer.message ?? '' },
        };
      },
      (error: unknown) => {
        logger.warn({ quota, err: error }, 'a quota could not be allocated');
        return { grantedAmount: 0, validDuration: durationOf(0), status: { code: rpcStatus.INTERNAL } };
      },
    );
    results[quota]!.referencedAttributes = bag.referenced({ globalWordCount });
  }
  return { ...response, quotas: results };
}
