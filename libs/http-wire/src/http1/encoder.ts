import type { HeaderList, RequestHeaders, ResponseHeaders } from '../header-list.ts';

const reasons: ReadonlyMap<number, string> = new Map([
  [100, 'Continue'],
  [101, 'Switching Protocols'],
  [102, 'Processing'],
  [103, 'Early Hints'],
  [200, 'OK'],
  [201, 'Created'],
  [202, 'Accepted'],
  [203, 'Non-Authoritative Information'],
  [204, 'No Content'],
  [205, 'Reset Content'],
  [206, 'Partial Content'],
  [207, 'Multi-Status'],
  [208, 'Already Reported'],
  [226, 'IM Used'],
  [300, 'Multiple Choices'],
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [303, 'See Other'],
  [304, 'Not Modified'],
  [305, 'Use Proxy'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [402, 'Payment Required'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [406, 'Not Acceptable'],
  [407, 'Proxy Authentication Required'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [411, 'Length Required'],
  [412, 'Precondition Failed'],
  [413, 'Payload Too Large'],
  [414, 'URI Too Long'],
  [415, 'Unsupported Media Type'],
  [416, 'Range Not Satisfiable'],
  [417, 'Expectation Failed'],
  [421, 'Misdirected Request'],
  [422, 'Unprocessable Entity'],
  [423, 'Locked'],
  [424, 'Failed Dependency'],
  [425, 'Too Early'],
  [426, 'Upgrade Required'],
  [428, 'Precondition Required'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
  [505, 'HTTP Version Not Supported'],
  [506, 'Variant Also Negotiates'],
  [507, 'Insufficient Storage'],
  [508, 'Loop Detected'],
  [510, 'Not Extended'],
  [511, 'Network Authentication Required'],
]);

/** Reason phrase of a status; `Unknown` for others, as Envoy says. */
export function reasonOf(status: number): string {
  return reasons.get(status) ?? 'Unknown';
}

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
    statusLines.set(status, line); // at most 500 statuses
  }
  return line;
}

/** Request head as latin1 text. `extra`: complete header lines that the codec itself adds (framing, upgrade). */
export function encodeRequestHead(headers: RequestHeaders, extra: string): string {
  const target = headers.method === 'CONNECT' ? headers.authority : headers.path;
  return `${headers.method} ${target} HTTP/1.1\r\n${headers.lines()}${extra}\r\n`;
}

/** Response head as latin1 text, always HTTP/1.1. */
export function encodeResponseHead(headers: ResponseHeaders, extra: string): string {
  return `${statusLine(headers.status)}${headers.lines()}${extra}\r\n`;
}

/** Line before a chunk of `length` bytes, `length` above 0. After the bytes comes a CRLF. */
export function chunkHead(length: number): string {
  return `${length.toString(16)}\r\n`;
}

/** End of a chunked body. */
export function chunkedEnd(trailers: HeaderList | undefined): string {
  return trailers ? `0\r\n${trailers.lines()}\r\n` : '0\r\n\r\n';
}
