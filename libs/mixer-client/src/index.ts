export { CheckCache, checkCacheLimits } from './check-cache.ts';
export { createMixerClient, type MixerChannel, type MixerClient, type MixerClientOptions } from './client.ts';
export { type HeaderOperation, httpStatusOf, statusText } from './denial.ts';
export { readForwardedAttributes, writeForwardedAttributes } from './forwarded-attributes.ts';
export {
  addRequestAttributes,
  addResponseAttributes,
  forwardedAttributesHeader,
  type HttpRequestFacts,
  type HttpResponseFacts,
  principalText,
} from './http-attributes.ts';
export { addCheckAttributes, type Allowed, type CheckOutcome, type Denied } from './outcome.ts';
export { compileQuotaSpecs, type QuotaSelector, type RequiredQuota } from './quota-spec.ts';
export { encodeReport, ReportBatch, type ReportBatchOptions } from './report-batch.ts';
export {
  addConnectionAttributes,
  addTcpReportAttributes,
  type TcpConnectionFacts,
  type TcpProgress,
  type TcpReportFacts,
} from './tcp-attributes.ts';
