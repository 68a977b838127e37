import { durationMs, type google_protobuf_Duration } from '@lateen/protos';
import type { Report } from '../report.ts';

/**
 * Reports a duration that is under 1 ms or finer than milliseconds. `zero` allows 0, which switches some timeouts off.
 * Source: Istio ValidateDuration, ValidateDurationGracefully.
 */
export function checkDuration(
  duration: google_protobuf_Duration | undefined,
  path: string,
  { report, zero = false }: { report: Report; zero?: boolean },
): void {
  if (!duration) return;
  const ms = durationMs(duration);
  if (zero && ms === 0) return;
  if ((duration.nanos ?? 0) % 1_000_000 !== 0)
    report.error(path, 'the duration is finer than a millisecond, only milliseconds are supported');
  if (ms < 1) report.error(path, 'the duration must be at least 1ms');
}
