import type { google_protobuf_Duration, google_protobuf_Timestamp } from '../generated/types.ts';

/** Milliseconds of a protobuf duration; `undefined` stays `undefined`. */
export function durationMs(duration: google_protobuf_Duration): number;
export function durationMs(duration: google_protobuf_Duration | undefined): number | undefined;
export function durationMs(duration: google_protobuf_Duration | undefined): number | undefined {
  return duration ? (duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6 : undefined;
}

/** Protobuf duration of milliseconds (fractions kept to the nanosecond). */
export function durationOf(ms: number): google_protobuf_Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** Protobuf timestamp of an epoch time in milliseconds. */
export function timestampOf(epochMs: number): google_protobuf_Timestamp {
  const seconds = Math.floor(epochMs / 1000);
  return { seconds, nanos: Math.round((epochMs - seconds * 1000) * 1e6) };
}

/** Epoch milliseconds of a protobuf timestamp. */
export function timestampMs(timestamp: google_protobuf_Timestamp): number {
  return (timestamp.seconds ?? 0) * 1000 + (timestamp.nanos ?? 0) / 1e6;
}
