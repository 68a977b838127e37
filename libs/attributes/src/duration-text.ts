import type { google_protobuf_Duration } from '@lateen/protos';

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const text = /^([-+]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/** Duration in Go's notation (`1h2m3.5s`, `20ms`, `0`); `undefined` when the text is no duration. */
export function parseDurationText(source: string): google_protobuf_Duration | undefined {
  if (/^[-+]?0$/.test(source)) return { seconds: 0, nanos: 0 };
  const match = text.exec(source);
  if (!match) return undefined;
  let nanos = 0;
  for (const [, amount, unit] of source.matchAll(part)) nanos += Number(amount) * unitNanos[unit!]!;
  // Go keeps durations in 64-bit nanoseconds and refuses longer ones.
  if (nanos > 2 ** 63) return undefined;
  const sign = match[1] === '-' ? -1 : 1;
  const seconds = Math.trunc(nanos / 1e9);
  return { seconds: sign * seconds || 0, nanos: sign * Math.round(nanos - seconds * 1e9) || 0 };
}
