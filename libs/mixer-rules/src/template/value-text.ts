import { compareTimes, ipText, kindOfType, type StringMapView } from '@lateen/attributes';
import type { google_protobuf_Duration, google_protobuf_Timestamp } from '@lateen/protos';
import type { TypedValue } from './template.ts';

/** Text of a value as labels and quota dimensions have it: addresses and times readable, maps in order of their keys. */
export function valueText({ type, value }: TypedValue): string {
  switch (kindOfType(type)) {
    case 'bytes':
      return ipText(value as Uint8Array);
    case 'timestamp':
      return timestampText(value as google_protobuf_Timestamp);
    case 'duration':
      return durationText(value as google_protobuf_Duration);
    case 'stringMap':
      return mapEntries(value as StringMapView)
        .map(([key, text]) => `${key}:${text}`)
        .join(' ');
    default:
      return String(value);
  }
}

/** Entries of a map in order of their keys. */
export function mapEntries(map: StringMapView): [string, string][] {
  return [...map.entries()]
    .map(([key, text]): [string, string] => [key, text])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** RFC 3339 with microseconds, UTC. */
export function timestampText({ seconds = 0, nanos = 0 }: google_protobuf_Timestamp): string {
  const date = new Date(0);
  date.setTime(seconds * 1000);
  if (Number.isNaN(date.getTime())) return '';
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0');
  return `${date.toISOString().slice(0, 19)}.${micros}Z`;
}

/** A duration in Go's notation: `1.5s`, `2m0s`, `12ms`, `100µs`. */
function durationText(duration: google_protobuf_Duration): string {
  const zero = { seconds: 0, nanos: 0 };
  const sign = compareTimes(duration, zero) < 0 ? '-' : '';
  const seconds = Math.abs(duration.seconds ?? 0);
  const nanos = Math.abs(duration.nanos ?? 0);
  if (seconds === 0 && nanos === 0) return '0s';
  if (seconds === 0) {
    const [unit, size] = nanos >= 1e6 ? ['ms', 1e6] : nanos >= 1e3 ? ['µs', 1e3] : ['ns', 1];
    return `${sign}${nanos / (size as number)}${unit}`;
  }
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${seconds % 60}${nanos > 0 ? `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}` : ''}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : `${sign}${rest}`;
}
