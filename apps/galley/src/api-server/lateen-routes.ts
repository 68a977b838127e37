import { type Violation } from '@lateen/config-schema';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '@lateen/runtime';
import type { Rollout } from '../status/rollout.ts';
import { applyText } from '../store/apply.ts';
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
  readonly documents: string;
  readonly file?: string;
  readonly namespace?: string;
  readonly dryRun?: boolean;
}

/**
 * `POST /apis/lateen.io/v1/apply {documents, file?, namespace?, dryRun?}`: one transaction; 200 `{revision, results}` or
 * 422 `{violations}`. `GET /apis/lateen.io/v1/rollout?revision=N&timeoutMs=` waits for the proxies.
 */
export function addLateenRoutes(server: FastifyInstance, options: LateenRoutesOptions): void {
  const { catalog, rollout, clock } = options;
  server.post('/apis/lateen.io/v1/apply', async (request, reply) => {
    const { documents, file, namespace, dryRun } = applyBody(request);
    const outcome = await applyText(catalog, {
      documents,
      nowMs: clock.now(),
      ...(file === undefined ? {} : { file }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(dryRun === undefined ? {} : { dryRun }),
    });
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
  const body = requestBody(request);
  const { documents, file, namespace, dryRun } = (body ?? {}) as Partial<Record<keyof ApplyBody, unknown>>;
  const fine =
    typeof documents === 'string' &&
    (file === undefined || typeof file === 'string') &&
    (namespace === undefined || typeof namespace === 'string') &&
    (dryRun === undefined || typeof dryRun === 'boolean');
  if (!fine) {
    throw new ApiFailure(
      'BadRequest',
      'expected {documents: string, file?: string, namespace?: string, dryRun?: boolean}',
    );
  }
  return body as ApplyBody;
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ApiFailure('BadRequest', `${name}: expected a whole number, found "${text}"`);
}

/** A violation as JSON: nothing but its own fields. */
function plain({ path, message, severity, position, hint }: Violation): Violation {
  return { path, message, severity, ...(position ? { position } : {}), ...(hint ? { hint } : {}) };
}
