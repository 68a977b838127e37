const two = (value: number): string => String(value).padStart(2, '0');

/**
 * Time as `%START_TIME%` prints it: ISO 8601 with milliseconds, or by a strftime pattern with Envoy's extensions
 * (`%s` epoch seconds, `%f`/`%3f`/`%6f`/`%9f` fractions). UTC.
 */
export function formatTime(epochMs: number, pattern: string | undefined): string {
  const date = new Date(epochMs);
  if (pattern === undefined || pattern === '') return date.toISOString();
  const nanos = String(Math.floor((epochMs % 1000) * 1e6)).padStart(9, '0');
  return pattern.replace(
    /%(E?)(\d?)([a-zA-Z%*])(f?)/g,
    (whole, _e: string, digits: string, letter: string, tail: string) => {
      switch (letter) {
        case 'Y':
          return `${date.getUTCFullYear()}${tail}`;
        case 'm':
          return two(date.getUTCMonth() + 1) + tail;
        case 'd':
          return two(date.getUTCDate()) + tail;
        case 'H':
          return two(date.getUTCHours()) + tail;
        case 'M':
          return two(date.getUTCMinutes()) + tail;
        case 'S':
          return two(date.getUTCSeconds()) + tail;
        case 'F':
          return date.toISOString().slice(0, 10) + tail;
        case 'T':
          return date.toISOString().slice(11, 19) + tail;
        case 'z':
          return `+0000${tail}`;
        case 'Z':
          return `UTC${tail}`;
        case 's':
          return `${Math.floor(epochMs / 1000)}${tail}`;
        case 'f':
          return nanos.slice(0, digits === '' ? 9 : Number(digits)) + tail;
        case '%':
          return `%${tail}`;
        default:
          return whole;
      }
    },
  );
}
