import type { Violation } from '@lateen/config-schema';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '@lateen/runtime';
import type { Rollout } from '../status/rollout.ts';
import { type ApplyFile, applyText } from '../store/apply.ts';
import type { Catalog } from '../store/catalog.ts';
import { ApiFailure } from './api-status.ts';
import { warningText } from './object-api.ts';
import { requestBody } from './request-body.ts';

/** What the routes under `/apis/lateen.io/v1` need. */
export interface LateenRoutesOptions {
  readonly catalog: Catalog;
  readonly rollout: Rollout;
  readonly clock: Clock;
}

/** Longest wait for a rollout. Milliseconds. */
const maxRolloutWaitMs = 300_000;

interface ApplyBody {
  readonly files: readonly ApplyFile[];
  readonly namespace?: string;
  readonly dryRun?: boolean;
}

/** Files of one apply. */
const maxFiles = 1000;

/**
 * `POST /apis/lateen.io/v1/apply` with `{documents, file?}` or `{files: [{documents, file?}]}`, and `namespace?`, `dryRun?`: one
 * transaction; 200 `{revision, results}` or
 * 422 `{violations}`. `GET /apis/lateen.io/v1/rollout?revision=N&timeoutMs=` waits for the proxies.
 */
export function addLateenRoutes(server: FastifyInstance, options: LateenRoutesOptions): void {
  const { catalog, rollout, clock } = options;
  server.post('/apis/lateen.io/v1/apply', async (request, reply) => {
    const outcome = await applyText(catalog, { ...applyBody(request), nowMs: clock.now() });
    if (outcome.kind === 'refused') {
      reply.code(422);
      return { violations: outcome.violations.map(plain) };
    }
    const results = outcome.results.map((result) => ({
      ...result,
      warnings: result.warnings.map(warningText),
    }));
    return { revision: outcome.revision, results };
  });

  server.get('/apis/lateen.io/v1/rollout', async (request) => {
    const query = request.query as Readonly<Record<string, string | undefined>>;
    const revision =
      query.revision === undefined ? catalog.revision : wholeNumber('revision', query.revision);
    const timeoutMs = query.timeoutMs === undefined ? 0 : wholeNumber('timeoutMs', query.timeoutMs);
    if (timeoutMs === 0) return rollout.report(revision);
    const abort = new AbortController();
    const gone = (): void => abort.abort();
    request.raw.socket.once('close', gone);
    try {
      return await rollout.wait(revision, {
        timeoutMs: Math.min(timeoutMs, maxRolloutWaitMs),
        signal: abort.signal,
      });
    } finally {
      request.raw.socket.off('close', gone);
    }
  });
}

function applyBody(request: FastifyRequest): ApplyBody {
  const body = (requestBody(request) ?? {}) as Readonly<Record<string, unknown>>;
  const { namespace, dryRun } = body;
  const files =
    body.files === undefined ? [fileOf(body)] : Array.isArray(body.files) ? body.files.map(fileOf) : [];
  const fine =
    files.length > 0 &&
    files.length <= maxFiles &&
    files.every((file) => file !== undefined) &&
    (namespace === undefined || typeof namespace === 'string') &&
    (dryRun === undefined || typeof dryRun === 'boolean');
  if (!fine) {
    const form =
      '{documents: string, file?: string} or {files: [{documents, file?}]}, namespace?: string, dryRun?: boolean';
    throw new ApiFailure('BadRequest', `expected ${form}`);
  }
  return {
    files: files as readonly ApplyFile[],
    ...(namespace === undefined ? {} : { namespace }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
}

function fileOf(value: unknown): ApplyFile | undefined {
  const { documents, file } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof documents !== 'string') return undefined;
  if (file === undefined) return { documents };
  return typeof file === 'string' ? { documents, file } : undefined;
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ApiFailure('BadRequest', `${name}: expected a whole number, found "${text}"`);
}

/** A violation as JSON: nothing but its own fields. */
function plain({ path, message, severity, position, hint }: Violation): Violation {
  return { path, message, severity, ...(position ? { position } : {}), ...(hint ? { hint } : {}) };
}
