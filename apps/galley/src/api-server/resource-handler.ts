import { kindByPlural } from '@lateen/config-schema';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '@lateen/runtime';
import type { Catalog } from '../store/catalog.ts';
import { ApiFailure } from './api-status.ts';
import { ObjectApi, type ResourceTarget, type WriteOutcome } from './object-api.ts';
import { requestBody } from './request-body.ts';
import { parseResourcePath } from './resource-path.ts';
import { fieldSelector, labelSelector, type Selector } from './selector.ts';
import { startWatch } from './watch-stream.ts';

/** What the resource paths need. */
export interface ResourceHandlerOptions {
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Watches that are open, so that a stop can end them. */
  readonly watches: Set<{ stop(): void }>;
}

type Query = Readonly<Record<string, string | undefined>>;

const maxWatches = 1000;
/** Life of a watch whose client names none, as Kubernetes' at least. Milliseconds. */
const watchTimeoutMs = 1_800_000;

/** Answers list, get, watch, create, replace, patch and delete on Kubernetes' paths. */
export function createResourceHandler(options: ResourceHandlerOptions) {
  const api = new ObjectApi(options);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const target = targetOf(request.url);
    const query = request.query as Query;
    const selectors = selectorsOf(query);
    const dryRun = dryRunOf(query);
    const single = target.name !== undefined;
    switch (request.method) {
      case 'GET':
        if (isTrue(query.watch)) return watch(reply, { ...options, api, target, selectors, query });
        return single ? api.get(target) : api.list(target, selectors);
      case 'POST':
        if (single) throw notAllowed(request.method);
        return written(reply, await api.create(target, requestBody(request), dryRun));
      case 'PUT':
        if (!single) throw notAllowed(request.method);
        return written(reply, await api.replace(target, requestBody(request), dryRun));
      case 'PATCH':
        if (!single) throw notAllowed(request.method);
        requireMergePatch(request);
        return written(reply, await api.patch(target, requestBody(request), dryRun));
      case 'DELETE': {
        if (!single) return api.deleteCollection(target, selectors, dryRun);
        const { revision, value } = await api.delete(target, dryRun);
        const details = {
          name: target.name,
          group: target.group,
          kind: target.plural,
          uid: value.object.metadata.uid,
        };
        return {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: { resourceVersion: String(revision) },
          status: 'Success',
          details,
        };
      }
      default:
        throw notAllowed(request.method);
    }
  };
}

function targetOf(url: string): ResourceTarget {
  const path = parseResourcePath(pathOf(url));
  const kind = path && kindByPlural(path.group, path.version, path.plural);
  if (!path || !kind) throw new ApiFailure('NotFound', 'the server could not find the requested resource');
  if (!kind.namespaced && path.namespace !== undefined) {
    throw new ApiFailure('NotFound', `${kind.plural} are not namespaced`);
  }
  if (kind.namespaced && path.namespace === undefined && path.name !== undefined) {
    throw new ApiFailure(
      'NotFound',
      `${kind.plural} are namespaced: say /namespaces/NAMESPACE/${kind.plural}/${path.name}`,
    );
  }
  return { ...path, kind };
}

/** Path of a request's URL, without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function selectorsOf(query: Query): Selector[] {
  const selectors: Selector[] = [];
  if (query.labelSelector) selectors.push(labelSelector(query.labelSelector));
  if (query.fieldSelector) selectors.push(fieldSelector(query.fieldSelector));
  return selectors;
}

function dryRunOf(query: Query): boolean {
  if (query.dryRun === undefined) return false;
  if (query.dryRun !== 'All') throw new ApiFailure('BadRequest', 'dryRun takes the value All');
  return true;
}

function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1';
}

function requireMergePatch(request: FastifyRequest): void {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim();
  if (type === 'application/merge-patch+json') return;
  throw new ApiFailure(
    'UnsupportedMediaType',
    `patches are read as application/merge-patch+json, not ${type || 'nothing'}`,
  );
}

function notAllowed(method: string): ApiFailure {
  return new ApiFailure('MethodNotAllowed', `${method} is not supported on this path`);
}

function written(reply: FastifyReply, outcome: WriteOutcome): unknown {
  for (const warning of outcome.warnings) reply.raw.appendHeader('Warning', warningHeader(warning));
  if (outcome.created) reply.code(201);
  return outcome.object;
}

/** RFC 9111 5.5, as Kubernetes sends warnings: code 299, quoted text without control or non-ASCII characters. */
function warningHeader(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, (character) => `\\${character}`);
  return `299 - "${plain.slice(0, 1000)}"`;
}

function watch(
  reply: FastifyReply,
  options: ResourceHandlerOptions & {
    api: ObjectApi;
    target: ResourceTarget;
    selectors: readonly Selector[];
    query: Query;
  },
): FastifyReply {
  const { query, watches, target, selectors, api, catalog, clock } = options;
  if (watches.size >= maxWatches) throw new ApiFailure('TooManyRequests', 'too many watches are open');
  if (query.sendInitialEvents !== undefined) {
    // Clients that ask for a watch-list fall back to list and watch when they are refused.
    throw new ApiFailure('Invalid', 'sendInitialEvents is forbidden for watch: list, then watch');
  }
  const { resourceVersion } = query;
  if (resourceVersion !== undefined && !/^\d*$/.test(resourceVersion)) {
    throw new ApiFailure('BadRequest', `the resourceVersion "${resourceVersion}" is not a number`);
  }
  const timeoutSeconds = Number(query.timeoutSeconds);
  const timeoutMs = timeoutSeconds > 0 ? Math.min(timeoutSeconds * 1000, watchTimeoutMs) : watchTimeoutMs;
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache' });
  raw.flushHeaders();
  // A watch may end while it starts: it must be on the list before, to be taken off.
  const entry = { stop: (): void => {} };
  watches.add(entry);
  const started = startWatch(
    {
      write: (line) => raw.write(line),
      get pendingBytes() {
        return raw.writableLength;
      },
      end() {
        watches.delete(entry);
        raw.end();
      },
    },
    {
      catalog,
      api,
      target,
      selectors,
      clock,
      resourceVersion,
      bookmarks: isTrue(query.allowWatchBookmarks),
      timeoutMs,
    },
  );
  entry.stop = () => started.stop();
  raw.on('close', entry.stop);
  return reply;
}
