import { decompressAttributes, type MutableBag } from '@lateen/attributes';
import { ReportSession } from '@lateen/mixer-rules';
import { enumOf, type istio_mixer_v1_ReportRequest } from '@lateen/protos';
import { RpcError, rpcStatus } from '@lateen/rpc';
import { messageOf } from '@lateen/runtime';
import { checkDictionary } from './dictionary.ts';
import type { Judgement } from './judgement.ts';

const { INDEPENDENT_ENCODING } = enumOf('istio.mixer.v1.ReportRequest.RepeatedAttributesSemantics');

/** Records that one report may have; the message's size bounds them too. */
const mostRecords = 10_000;

/** Records of a report. With delta encoding each one changes the one before. @throws RpcError when they are unreadable. */
function recordsOf(request: istio_mixer_v1_ReportRequest): MutableBag[] {
  checkDictionary(request.globalWordCount);
  const records = request.attributes ?? [];
  if (records.length > mostRecords) {
    throw new RpcError(
      rpcStatus.INVALID_ARGUMENT,
      `a report may have ${mostRecords} records, found ${records.length}`,
    );
  }
  const independent = request.repeatedAttributesSemantics === INDEPENDENT_ENCODING;
  const bags: MutableBag[] = [];
  for (const record of records) {
    const decoded = decompressAttributes(record, { defaultWords: request.defaultWords ?? [] });
    if ('complaint' in decoded) {
      throw new RpcError(
        rpcStatus.INVALID_ARGUMENT,
        `Request could not be processed due to invalid attributes: ${decoded.complaint}`,
      );
    }
    const previous = bags.at(-1);
    bags.push(independent || !previous ? decoded.bag : previous.copy().merge(decoded.bag));
  }
  return bags;
}

/** Hands a report's records to the handlers. @throws RpcError INTERNAL when one failed. */
export async function takeReport(
  request: istio_mixer_v1_ReportRequest,
  { rules, attributes }: Judgement,
): Promise<void> {
  const session = new ReportSession(rules);
  for (const bag of recordsOf(request)) session.add(attributes(bag));
  await session.flush().catch((error: unknown) => {
    throw new RpcError(rpcStatus.INTERNAL, `performing report operation failed: ${messageOf(error)}`, error);
  });
}
