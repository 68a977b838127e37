import type { google_protobuf_Duration, google_protobuf_Timestamp } from '@lateen/protos';

const unitNanos: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['μs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3600e9],
]);

/** Seconds that a protobuf duration may hold: about 10 000 years. */
const mostSeconds = 315_576_000_000;

/**
 * Duration from Go's spelling (`1h30m`, `1.5s`, `100ms`, `-1s`, `0`), which has proto-JSON's (`1.5s`) within it.
 * `undefined` when the text is neither or the value is beyond protobuf's range. Source: Go time.ParseDuration.
 */
export function parseDuration(text: string): google_protobuf_Duration | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.startsWith('-') || text.startsWith('+') ? text.slice(1) : text;
  if (body === '0') return { seconds: 0, nanos: 0 };
  const part = /(\d{1,15}(?:\.\d{0,12})?|\.\d{1,12})(ns|us|µs|μs|ms|s|m|h)/y;
  let seconds = 0;
  let nanos = 0;
  let at = 0;
  while (at < body.length) {
    part.lastIndex = at;
    const match = part.exec(body);
    if (!match) return undefined;
    const unit = unitNanos.get(match[2] ?? '') ?? 0;
    const [whole = '0', fraction = ''] = (match[1] ?? '').split('.');
    // Whole seconds and nanoseconds are summed apart: 10 000 years in nanoseconds don't fit a double.
    if (unit >= 1e9) seconds += Number(whole || '0') * (unit / 1e9);
    else {
      const perSecond = 1e9 / unit;
      seconds += Math.floor(Number(whole || '0') / perSecond);
      nanos += (Number(whole || '0') % perSecond) * unit;
    }
    nanos += Math.round(Number(`0.${fraction || '0'}`) * unit);
    at = part.lastIndex;
  }
  if (at === 0) return undefined;
  seconds += Math.floor(nanos / 1e9);
  nanos %= 1e9;
  if (seconds > mostSeconds) return undefined;
  return { seconds: sign * seconds || 0, nanos: sign * nanos || 0 };
}

/** proto-JSON spelling of a duration: `1.5s`, no trailing zeros. */
export function formatDuration(duration: google_protobuf_Duration): string {
  const seconds = duration.seconds ?? 0;
  const nanos = duration.nanos ?? 0;
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  const fraction = nanos === 0 ? '' : `.${String(Math.abs(nanos)).padStart(9, '0').replace(/0+$/, '')}`;
  return `${sign}${Math.abs(seconds)}${fraction}s`;
}

const instant = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** Timestamp of an RFC 3339 text; `undefined` when it is none. */
export function parseTimestamp(text: string): google_protobuf_Timestamp | undefined {
  const match = instant.exec(text);
  if (!match) return undefined;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(ms)) return undefined;
  return { seconds: Math.floor(ms / 1000), nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}

/** RFC 3339 text of a timestamp, in UTC, as Kubernetes and proto-JSON write it. */
export function formatTimestamp(timestamp: google_protobuf_Timestamp): string {
  const base = new Date((timestamp.seconds ?? 0) * 1000).toISOString().slice(0, 19);
  const nanos = timestamp.nanos ?? 0;
  return `${base}${nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`}Z`;
}
