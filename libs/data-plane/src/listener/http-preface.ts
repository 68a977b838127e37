/** HTTP version by its ALPN name. */
export type HttpVersion = 'http/1.0' | 'http/1.1' | 'h2c';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** Longest request line that is waited for. Bytes. */
const maxLine = 8192;

const methods: ReadonlySet<string> = new Set(
  (
    'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY ' +
    'OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK ' +
    'UNLOCK UNSUBSCRIBE'
  ).split(' '),
);
const longestMethod = Math.max(...[...methods].map((method) => method.length));

/**
 * Tells HTTP by its first line, as Envoy's `http_inspector`: the HTTP/2 preface, or a known method and a version.
 * `more`: the bytes so far may begin one. Never throws.
 */
export function parseHttpPreface(bytes: Buffer): HttpVersion | 'more' | 'none' {
  const start = bytes.subarray(0, preface.length).toString('latin1');
  if (preface.startsWith(start)) return start.length === preface.length ? 'h2c' : 'more';
  const space = bytes.indexOf(0x20);
  if (space < 0 || space > longestMethod) {
    const soFar = bytes.subarray(0, longestMethod + 1).toString('latin1');
    const possible = space < 0 && [...methods].some((method) => method.startsWith(soFar));
    return possible ? 'more' : 'none';
  }
  if (!methods.has(bytes.subarray(0, space).toString('latin1'))) return 'none';
  const end = bytes.indexOf(0x0a);
  if (end < 0) return bytes.length > maxLine ? 'none' : 'more';
  const line = bytes.subarray(0, end).toString('latin1').trimEnd();
  if (line.endsWith(' HTTP/1.1')) return 'http/1.1';
  return line.endsWith(' HTTP/1.0') ? 'http/1.0' : 'none';
}
