import { type RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import { isGrpcContentType } from '@lateen/routing-engine';
import type { LocalReply } from '../http-filters/filter.ts';

/** Head and body of an answer that the proxy gives itself. */
export interface BuiltReply {
  readonly headers: ResponseHeaders;
  body: Buffer;
}

const grpcOfHttp: ReadonlyMap<number, number> = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
]);

/** Percent-encodes a gRPC status message (gRPC over HTTP/2, "Responses"). */
function grpcMessage(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
}

/** Builds a local reply as Envoy words it; a gRPC caller gets its status in headers instead. */
export function buildLocalReply(reply: LocalReply, request: RequestHeaders): BuiltReply {
  const headers = new ResponseHeaders();
  const contentType = request.get('content-type');
  if (contentType !== undefined && isGrpcContentType(contentType)) {
    const text = typeof reply.body === 'string' ? reply.body : Buffer.from(reply.body).toString();
    headers.status = 200;
    reply.edit?.(headers);
    headers.append('content-type', 'application/grpc');
    headers.append('grpc-status', String(reply.grpcStatus ?? grpcOfHttp.get(reply.status) ?? 2));
    if (text !== '') headers.append('grpc-message', grpcMessage(text));
    return { headers, body: Buffer.alloc(0) };
  }
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : Buffer.from(reply.body);
  headers.status = reply.status;
  reply.edit?.(headers);
  if (body.length > 0) {
    headers.append('content-length', String(body.length));
    headers.append('content-type', 'text/plain');
  }
  return { headers, body };
}
