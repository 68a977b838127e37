import type { FastifyRequest } from 'fastify';
import { ApiFailure } from './api-status.ts';

/** Content types whose bodies are JSON. */
const jsonTypes = /^application\/(?:[\w.-]+\+)?json$/;

/** The JSON value of a request's body. @throws ApiFailure BadRequest, UnsupportedMediaType. */
export function requestBody(request: FastifyRequest): unknown {
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();
  if (!jsonTypes.test(type))
    throw new ApiFailure('UnsupportedMediaType', `bodies are read as application/json, not ${type}`);
  try {
    return JSON.parse(String(request.body ?? '')) as unknown;
  } catch (error) {
    throw new ApiFailure(
      'BadRequest',
      `the body is not JSON: ${error instanceof Error ? error.message : ''}`,
    );
  }
}
