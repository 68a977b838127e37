import { methods, type RpcCaller, RpcError, RpcServices, rpcStatus } from '@lateen/rpc';
import type { Clock, Logger, MetricsRegistry } from '@lateen/runtime';
import { latencyBucketsMs } from '@lateen/runtime';
import { answerCheck } from './check.ts';
import type { Judgement } from './judgement.ts';
import { takeReport } from './report.ts';

/** What the service answers from. */
export interface MixerServiceOptions {
  /** What calls are answered from; `undefined` while no configuration has come. */
  readonly judgement: () => Judgement | undefined;
  /** Is the caller one of ours? The answer of a connection that isn't encrypted is decided by its owner. */
  readonly admits: (caller: RpcCaller) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

/** `istio.mixer.v1.Mixer`. Before the first configuration every call is UNAVAILABLE: no rules is not "no objection". */
export function createMixerService(options: MixerServiceOptions): RpcServices {
  const { clock, logger, metrics } = options;
  const measured = (method: string) => {
    const calls = metrics.counter('mixer_calls_total', 'Calls that were taken', { method });
    const failures = metrics.counter('mixer_call_failures_total', 'Calls that failed', { method });
    const duration = metrics.histogram(
      'mixer_call_duration_milliseconds',
      'Time to answer',
      latencyBucketsMs,
      { method },
    );
    return async <A>(caller: RpcCaller, answer: (judgement: Judgement) => Promise<A>): Promise<A> => {
      if (!options.admits(caller)) {
        throw new RpcError(rpcStatus.UNAUTHENTICATED, 'a client certificate of the mesh is needed');
      }
      const judgement = options.judgement();
      if (!judgement) throw new RpcError(rpcStatus.UNAVAILABLE, 'mixer has no configuration yet');
      const startedAt = clock.monotonic();
      calls.inc();
      try {
        return await answer(judgement);
      } catch (error) {
        failures.inc();
        throw error;
      } finally {
        duration.observe(clock.monotonic() - startedAt);
      }
    };
  };
  const check = measured('Check');
  const report = measured('Report');
  return new RpcServices(logger)
    .unary(methods.mixerCheck, (request, caller) =>
      check(caller, (judgement) => answerCheck(request, judgement, logger)),
    )
    .unary(methods.mixerReport, (request, caller) =>
      report(caller, async (judgement) => {
        await takeReport(request, judgement);
        return {};
      }),
    );
}
