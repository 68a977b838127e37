import type { FastifyRequest } from 'fastify';
import { ApiFailure } from './api-status.ts';
import { protobufBody } from './protobuf-body.ts';

/** Content types whose bodies are JSON. */
const jsonTypes = /^application\/(?:[\w.-]+\+)?json$/;
/** A server-side apply; kubectl and client-go send JSON, which YAML contains, under this name. */
const applyType = 'application/apply-patch+yaml';
const protobufType = 'application/vnd.kubernetes.protobuf';

/** Media type of a request's body, without parameters. `application/json` when none is named. */
export function bodyType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();
}

/**
 * The value of a request's body: JSON, or Kubernetes' protobuf for its core kinds. `undefined` for an empty one where
 * that is allowed. @throws ApiFailure BadRequest, UnsupportedMediaType.
 */
export function requestBody(request: FastifyRequest, { optional = false } = {}): unknown {
  const { body } = request;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  if (optional && bytes.length === 0) return undefined;
  const type = bodyType(request);
  if (type === protobufType) return protobufBody(bytes);
  if (type !== applyType && !jsonTypes.test(type)) {
    throw new ApiFailure('UnsupportedMediaType', `bodies are read as application/json, not ${type}`);
  }
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (error) {
    throw new ApiFailure(
      'BadRequest',
      `the body is not JSON: ${error instanceof Error ? error.message : ''}`,
    );
  }
}
