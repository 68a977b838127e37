export { type WireFailure } from './failure.ts';
export { HeaderList, RequestHeaders, ResponseHeaders } from './header-list.ts';
export type { BodySink, Framing } from './http1/body-reader.ts';
export { isAuthority } from './http1/characters.ts';
export { chunkedEnd, chunkHead, encodeRequestHead, encodeResponseHead, reasonOf } from './http1/encoder.ts';
export { namesToken } from './http1/field-values.ts';
export { defaultHeadLimits, type HeadLimits } from './http1/head-reader.ts';
export {
  type Http1Request,
  RequestParser,
  type RequestParserOptions,
  type RequestSink,
} from './http1/request-parser.ts';
export { parseTarget, type RequestTarget } from './http1/request-target.ts';
export {
  type ExpectedResponse,
  type Http1Response,
  ResponseParser,
  type ResponseParserOptions,
  type ResponseSink,
} from './http1/response-parser.ts';
export { type ConnectionFailure, errorCode } from './http2/error-code.ts';
export { Http2Connection, type Http2Options, type Http2Request, type Http2Sink } from './http2/connection.ts';
export { defaultHttp2Limits, type Http2Limits } from './http2/limits.ts';
export type { Http2Stream, StreamEvents, StreamReset } from './http2/stream.ts';
