import {
  type AttributeBag,
  bagOfAttributes,
  compressAttributes,
  firstReleaseWordCount,
  globalDictionary,
  type MutableBag,
} from '@lateen/attributes';
import {
  durationMs,
  type istio_mixer_v1_CheckRequest,
  type istio_mixer_v1_CheckResponse,
  type istio_mixer_v1_config_client_HttpClientConfig,
  type istio_mixer_v1_config_client_ServiceConfig,
} from '@lateen/protos';
import { methods, type RpcClient, RpcError, rpcStatus } from '@lateen/rpc';
import { Backoff, type Clock, type Logger, type MetricsRegistry, type Random, sleep } from '@lateen/runtime';
import { CheckCache } from './check-cache.ts';
import { mixerCounters } from './counters.ts';
import { outcomeOfPrecondition, outcomeOfQuotas, unreachable } from './decision.ts';
import { writeForwardedAttributes } from './forwarded-attributes.ts';
import type { CheckOutcome } from './outcome.ts';
import { randomId } from './random-id.ts';
import { encodeReport, ReportBatch } from './report-batch.ts';
import { compileService, type FailPolicy, failPolicyOf, type MixerService, requestBag } from './service.ts';
import type { RequiredQuota } from './quota-spec.ts';

/** The part of an `RpcClient` that the client needs. */
export type MixerChannel = Pick<RpcClient, 'unary'>;

/** Where a client's calls go and what it runs on. */
export interface MixerClientOptions {
  /** Channel to mixer; a function may answer `undefined` while none is there, which counts as unreachable. */
  readonly client: MixerChannel | (() => MixerChannel | undefined);
  readonly config: istio_mixer_v1_config_client_HttpClientConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: MetricsRegistry;
  readonly logger: Logger;
  /** Longest wait for one call, 5000 when absent. Milliseconds. */
  readonly timeoutMs?: number;
}

/** Client of mixer for one filter configuration. */
export interface MixerClient {
  /** Are there checks for this service? Ask before `check`. */
  checks(service: istio_mixer_v1_config_client_ServiceConfig | undefined): boolean;
  /** Are there reports for this service? Ask before `report`. */
  reports(service: istio_mixer_v1_config_client_ServiceConfig | undefined): boolean;
  /**
   * Bag of a new request: static attributes of filter and route, then those of the `x-istio-attributes` header that
   * the caller's proxy sent. Add the request's own with `addRequestAttributes`.
   */
  requestBag(
    service: istio_mixer_v1_config_client_ServiceConfig | undefined,
    forwardedHeader: string | undefined,
  ): MutableBag;
  /** Value of `x-istio-attributes` for the next proxy; `undefined`: send none. */
  forwardedHeader(service: istio_mixer_v1_config_client_ServiceConfig | undefined): string | undefined;
  /** Decides about a request; at once when the cache knows the answer. Never rejects: see the fail policy. */
  check(
    bag: AttributeBag,
    service: istio_mixer_v1_config_client_ServiceConfig | undefined,
  ): CheckOutcome | Promise<CheckOutcome>;
  /** Takes a record for the next batch. The bag must not be changed any more. */
  report(bag: AttributeBag): void;
  /** Sends what is gathered; resolves when the last batch has ended or after five seconds. */
  stop(): Promise<void>;
}

const reportLimits = { records: 100, delayMs: 1000, waiting: 10_000, calls: 4 } as const;
const flushTimeoutMs = 5000;
const refusedDictionary = 'Request could not be processed due to invalid';

/** Creates a client. Source: istio/proxy `mixerclient/client_impl.cc`. */
export function createMixerClient(options: MixerClientOptions): MixerClient {
  return new Client(options);
}

class Client implements MixerClient {
  readonly #options: MixerClientOptions;
  readonly #counters: ReturnType<typeof mixerCounters>;
  readonly #cache: CheckCache<CheckOutcome>;
  readonly #batch: ReportBatch;
  readonly #services = new WeakMap<istio_mixer_v1_config_client_ServiceConfig, MixerService>();
  readonly #default: istio_mixer_v1_config_client_ServiceConfig;
  readonly #metadata: Readonly<Record<string, string>>;
  #globalWordCount = globalDictionary.length;

  constructor(options: MixerClientOptions) {
    this.#options = options;
    const { transport = {}, serviceConfigs = {}, defaultDestinationService = '' } = options.config;
    this.#counters = mixerCounters(options.metrics);
    this.#cache = new CheckCache(transport.disableCheckCache ? 0 : undefined);
    this.#default = serviceConfigs[defaultDestinationService] ?? {};
    const proxyHeader = writeForwardedAttributes(bagOfAttributes(transport.attributesForMixerProxy));
    this.#metadata = proxyHeader === undefined ? {} : { 'x-istio-attributes': proxyHeader };
    const failPolicy = failPolicyOf(transport.networkFailPolicy);
    this.#batch = new ReportBatch({
      maxRecords: transport.disableReportBatch ? 1 : transport.reportBatchMaxEntries || reportLimits.records,
      maxDelayMs: durationMs(transport.reportBatchMaxTime) || reportLimits.delayMs,
      maxWaiting: reportLimits.waiting,
      maxCalls: reportLimits.calls,
      clock: options.clock,
      send: (records) => this.#sendReport(records, failPolicy),
      dropped: (count) => this.#counters.droppedReports.inc(count),
    });
  }

  checks(service: istio_mixer_v1_config_client_ServiceConfig | undefined): boolean {
    return this.#service(service).checks;
  }

  reports(service: istio_mixer_v1_config_client_ServiceConfig | undefined): boolean {
    return this.#service(service).reports;
  }

  requestBag(
    service: istio_mixer_v1_config_client_ServiceConfig | undefined,
    forwardedHeader: string | undefined,
  ): MutableBag {
    return requestBag(this.#service(service), forwardedHeader);
  }

  forwardedHeader(service: istio_mixer_v1_config_client_ServiceConfig | undefined): string | undefined {
    return this.#service(service).forwardedHeader;
  }

  check(
    bag: AttributeBag,
    config: istio_mixer_v1_config_client_ServiceConfig | undefined,
  ): CheckOutcome | Promise<CheckOutcome> {
    const counters = this.#counters;
    const service = this.#service(config);
    const quotas = service.quotas(bag);
    counters.checkCalls.inc();
    if (quotas.length > 0) counters.quotaCalls.inc();
    const known = this.#cache.find(bag, this.#options.clock.monotonic());
    if (known) {
      counters.checkCacheHits.inc();
      (known.kind === 'allowed' ? counters.checkCacheHitAccepts : counters.checkCacheHitDenies).inc();
      if (known.kind === 'denied' || quotas.length === 0) return known;
    } else counters.checkCacheMisses.inc();
    if (quotas.length > 0) counters.quotaCacheMisses.inc();
    return this.#askMixer(bag, service, quotas, known);
  }

  report(bag: AttributeBag): void {
    this.#counters.reportCalls.inc();
    this.#batch.add(bag);
  }

  async stop(): Promise<void> {
    const done = new AbortController();
    const flush = this.#batch.flush().finally(() => done.abort());
    await Promise.race([flush, sleep(this.#options.clock, flushTimeoutMs, done.signal)]);
  }

  #service(config: istio_mixer_v1_config_client_ServiceConfig | undefined): MixerService {
    const key = config ?? this.#default;
    let service = this.#services.get(key);
    if (!service) this.#services.set(key, (service = compileService(this.#options.config, key)));
    return service;
  }

  async #askMixer(
    bag: AttributeBag,
    service: MixerService,
    quotas: readonly RequiredQuota[],
    known: CheckOutcome | undefined,
  ): Promise<CheckOutcome> {
    const counters = this.#counters;
    const request = this.#checkRequest(quotas);
    let response: istio_mixer_v1_CheckResponse;
    try {
      counters.remoteCheckCalls.inc();
      if (quotas.length > 0) counters.remoteQuotaCalls.inc();
      response = await this.#withRetries(service.failPolicy, (channel, timeoutMs) => {
        request.globalWordCount = this.#globalWordCount;
        request.attributes = compressAttributes(bag, { globalWordCount: this.#globalWordCount });
        return channel.unary(methods.mixerCheck, request, { timeoutMs, metadata: this.#metadata });
      });
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'mixer could not be asked');
      return known ?? unreachable(service.failPolicy, rpcStatus.UNAVAILABLE, messageOfFailure(error));
    }
    const outcome = known ?? this.#precondition(bag, service, response);
    if (outcome.kind === 'denied') {
      counters.remoteCheckDenies.inc();
      return outcome;
    }
    if (!known) counters.remoteCheckAccepts.inc();
    if (quotas.length === 0) return outcome;
    const granted = outcomeOfQuotas(outcome, quotas, response);
    (granted.kind === 'allowed' ? counters.remoteQuotaAccepts : counters.remoteQuotaDenies).inc();
    return granted;
  }

  #precondition(
    bag: AttributeBag,
    service: MixerService,
    response: istio_mixer_v1_CheckResponse,
  ): CheckOutcome {
    const { precondition } = response;
    if (!precondition) {
      return unreachable(
        service.failPolicy,
        rpcStatus.INVALID_ARGUMENT,
        'CheckResponse does not have precondition.',
      );
    }
    const { code = 0, message = '' } = precondition.status ?? {};
    // INTERNAL says that mixer itself failed: the request's fate is the fail policy's.
    if (code === rpcStatus.INTERNAL) return unreachable(service.failPolicy, code, message);
    const outcome = outcomeOfPrecondition(precondition);
    this.#cache.keep(bag, precondition, { ...outcome, checkCacheHit: true }, this.#options.clock.monotonic());
    return outcome;
  }

  #checkRequest(quotas: readonly RequiredQuota[]): istio_mixer_v1_CheckRequest {
    const deduplicationId = randomId(this.#options.random);
    if (quotas.length === 0) return { deduplicationId };
    const named: NonNullable<istio_mixer_v1_CheckRequest['quotas']> = Object.create(null);
    for (const { quota, charge } of quotas) named[quota] = { amount: charge, bestEffort: false };
    return { deduplicationId, quotas: named };
  }

  async #sendReport(records: readonly AttributeBag[], failPolicy: FailPolicy): Promise<void> {
    try {
      this.#counters.remoteReportCalls.inc();
      await this.#withRetries(failPolicy, (channel, timeoutMs) =>
        channel.unary(methods.mixerReport, encodeReport(records, this.#globalWordCount), {
          timeoutMs,
          metadata: this.#metadata,
        }),
      );
    } catch (error) {
      this.#counters.droppedReports.inc(records.length);
      this.#options.logger.debug({ err: error, records: records.length }, 'a report was lost');
    }
  }

  /** One call with as many retries as the policy allows, each under its own deadline. Retries carry the same id. */
  async #withRetries<A>(
    policy: FailPolicy,
    call: (channel: MixerChannel, timeoutMs: number) => Promise<A>,
  ): Promise<A> {
    const { clock, random, client, timeoutMs = 5000 } = this.#options;
    const backoff = new Backoff({ baseMs: policy.baseRetryMs, maxMs: policy.maxRetryMs, random });
    for (let attempt = 0; ; attempt += 1) {
      try {
        const channel = typeof client === 'function' ? client() : client;
        if (!channel) throw new RpcError(rpcStatus.UNAVAILABLE, 'no channel to mixer');
        this.#counters.remoteCalls.inc();
        const answer = await call(channel, timeoutMs);
        this.#counters.remoteCallSuccesses.inc();
        return answer;
      } catch (error) {
        this.#countFailure(error);
        if (this.#shrinkDictionary(error) && attempt === 0) continue;
        const retryable = error instanceof RpcError && error.retryable;
        if (!retryable || attempt >= policy.maxRetries) throw error;
        await sleep(clock, backoff.next());
      }
    }
  }

  /** An old server that doesn't know our dictionary's later words says so once; then the first release's do. */
  #shrinkDictionary(error: unknown): boolean {
    const refused =
      error instanceof RpcError &&
      error.status === rpcStatus.INVALID_ARGUMENT &&
      error.message.startsWith(refusedDictionary) &&
      this.#globalWordCount > firstReleaseWordCount;
    if (refused) this.#globalWordCount = firstReleaseWordCount;
    return refused;
  }

  #countFailure(error: unknown): void {
    const status = error instanceof RpcError ? error.status : undefined;
    if (status === rpcStatus.DEADLINE_EXCEEDED) this.#counters.remoteCallTimeouts.inc();
    else if (status === rpcStatus.UNAVAILABLE) this.#counters.remoteCallSendErrors.inc();
    else this.#counters.remoteCallOtherErrors.inc();
  }
}

/** What a refused caller may know of a failed call: not the addresses inside the mesh. */
function messageOfFailure(error: unknown): string {
  const timedOut = error instanceof RpcError && error.status === rpcStatus.DEADLINE_EXCEEDED;
  return timedOut ? 'the policy check timed out' : 'the policy check could not be made';
}
