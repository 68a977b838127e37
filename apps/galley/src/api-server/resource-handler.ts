import { kindByPlural } from '@lateen/config-schema';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '@lateen/runtime';
import type { Catalog } from '../store/catalog.ts';
import type { CatalogEntry, KubernetesObject } from '../store/catalog-entry.ts';
import { isJson } from '../store/field-set.ts';
import { ApiFailure } from './api-status.ts';
import { ListPages } from './list-pages.ts';
import type { FieldValidation } from './object-body.ts';
import { ObjectApi, type Preconditions, type WriteOptions, type WriteOutcome } from './object-api.ts';
import { patchTypeOf } from './patch.ts';
import { bodyType, requestBody } from './request-body.ts';
import { parseResourcePath } from './resource-path.ts';
import { apiVersionOf, present, type ResourceTarget } from './resource-target.ts';
import { fieldSelector, labelSelector, type Selector } from './selector.ts';
import { type IncludeObject, tableOf } from './table.ts';
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

/** Answers list, get, watch, create, replace, patch, apply and delete on Kubernetes' paths. */
export function createResourceHandler(options: ResourceHandlerOptions) {
  const { catalog, clock } = options;
  const api = new ObjectApi(options);
  const pages = new ListPages(clock);

  const list = (target: ResourceTarget, selectors: readonly Selector[], query: Query, render: Render) => {
    const scope = JSON.stringify([target, query.labelSelector ?? '', query.fieldSelector ?? '']);
    const limit = query.limit === undefined ? 0 : wholeNumber('limit', query.limit);
    const page = query.continue
      ? pages.next(query.continue, scope, limit)
      : pages.first({ scope, entries: api.selected(target, selectors), revision: catalog.revision }, limit);
    const more = page.continue ? { continue: page.continue, remainingItemCount: page.remaining } : {};
    return render.list(page.entries, { resourceVersion: String(page.revision), ...more });
  };

  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const target = targetOf(request.url);
    const query = request.query as Query;
    const selectors = selectorsOf(query);
    const writing = writeOptionsOf(request, query);
    const render = renderOf(request, { target, query, clock });
    const single = target.name !== undefined;
    switch (request.method) {
      case 'GET':
        if (isTrue(query.watch)) return watch(reply, { ...options, api, target, selectors, query, render });
        if (!single) return list(target, selectors, query, render);
        return render.one(api.get(target));
      case 'POST':
        if (single) throw notAllowed(request.method);
        return written(reply, await api.create(target, requestBody(request), writing), render);
      case 'PUT':
        if (!single) throw notAllowed(request.method);
        return written(reply, await api.replace(target, requestBody(request), writing), render);
      case 'PATCH': {
        if (!single) throw notAllowed(request.method);
        const type = patchTypeOf(bodyType(request));
        const patch = requestBody(request);
        const outcome =
          type === 'apply'
            ? api.apply(target, patch, { ...writing, force: isTrue(query.force) })
            : api.patch(target, { type, patch }, writing);
        return written(reply, await outcome, render);
      }
      case 'DELETE': {
        const { preconditions, dryRun } = deletionOf(request, writing);
        if (target.subresource) throw notAllowed(request.method);
        if (!single) {
          const deleted = await api.deleteCollection(target, selectors, dryRun);
          return render.list(deleted, { resourceVersion: String(catalog.revision) });
        }
        const { revision, value, marked } = await api.delete(target, { dryRun, preconditions });
        if (marked) return render.one(present(value, target));
        const { name, group, plural: kind } = target;
        const details = { name, group, kind, uid: value.object.metadata.uid };
        const metadata = { resourceVersion: String(revision) };
        return { kind: 'Status', apiVersion: 'v1', metadata, status: 'Success', details };
      }
      default:
        throw notAllowed(request.method);
    }
  };
}

/** How objects are shown: as they are, or as a table for kubectl. */
interface Render {
  one(object: KubernetesObject): KubernetesObject;
  list(entries: readonly CatalogEntry[], metadata: { readonly [field: string]: unknown }): KubernetesObject;
}

const tableWanted = /application\/json;(?=[^,]*\bas=Table\b)(?=[^,]*\bg=meta\.k8s\.io\b)[^,]*\bv=v1\b/;

function renderOf(
  request: FastifyRequest,
  { target, query, clock }: { target: ResourceTarget; query: Query; clock: Clock },
): Render {
  const { kind } = target.kind;
  if (!tableWanted.test(request.headers.accept ?? '')) {
    return {
      one: (object) => object,
      list: (entries, metadata) => ({
        apiVersion: apiVersionOf(target),
        kind: `${kind}List`,
        metadata,
        items: entries.map((entry) => present(entry, target)),
      }),
    };
  }
  const included = query.includeObject;
  const includeObject: IncludeObject = included === 'None' || included === 'Object' ? included : 'Metadata';
  let withColumns = true;
  const table = (objects: readonly KubernetesObject[], metadata: { readonly [field: string]: unknown }) => {
    const made = tableOf(objects, { kind, metadata, includeObject, withColumns, nowMs: clock.now() });
    withColumns = false;
    return made;
  };
  return {
    one: (object) => table([object], { resourceVersion: object.metadata.resourceVersion }),
    list: (entries, metadata) =>
      table(
        entries.map((entry) => present(entry, target)),
        metadata,
      ),
  };
}

function writeOptionsOf(request: FastifyRequest, query: Query): WriteOptions {
  const { fieldValidation, fieldManager } = query;
  const manager = fieldManager || (request.headers['user-agent'] ?? '').split('/')[0] || 'unknown';
  if (manager.length > 128)
    throw new ApiFailure('BadRequest', 'fieldManager: Too long: may not be more than 128 bytes');
  const options = { dryRun: dryRunOf(query), manager };
  if (!fieldValidation) return options;
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore') {
    const message = `fieldValidation: Unsupported value: "${fieldValidation}": supported values: "Ignore", "Strict", "Warn"`;
    throw new ApiFailure('BadRequest', message);
  }
  return { ...options, fieldValidation: fieldValidation satisfies FieldValidation };
}

/** DeleteOptions of a deletion's body, if it has one. Source: Kubernetes meta/v1 DeleteOptions. */
function deletionOf(
  request: FastifyRequest,
  { dryRun }: WriteOptions,
): { readonly dryRun: boolean; readonly preconditions: Preconditions } {
  const body = requestBody(request, { optional: true });
  const stated = isJson(body) ? body : {};
  const { uid, resourceVersion } = isJson(stated.preconditions) ? stated.preconditions : {};
  return {
    dryRun: dryRun || (Array.isArray(stated.dryRun) && stated.dryRun.includes('All')),
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
  };
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ApiFailure('BadRequest', `${name}: expected a whole number, found "${text}"`);
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

function notAllowed(method: string): ApiFailure {
  return new ApiFailure('MethodNotAllowed', `${method} is not supported on this path`);
}

function written(reply: FastifyReply, outcome: WriteOutcome, render: Render): unknown {
  for (const warning of outcome.warnings) reply.raw.appendHeader('Warning', warningHeader(warning));
  if (outcome.created) reply.code(201);
  return render.one(outcome.object);
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
    render: Render;
  },
): FastifyReply {
  const { query, watches, target, selectors, api, catalog, clock } = options;
  if (watches.size >= maxWatches) throw new ApiFailure('TooManyRequests', 'too many watches are open');
  const initialEvents = isTrue(query.sendInitialEvents);
  if (initialEvents && query.resourceVersionMatch !== 'NotOlderThan') {
    const message = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    throw new ApiFailure('Invalid', message);
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
      initialEvents,
      render: (object) => options.render.one(object),
      timeoutMs,
    },
  );
  entry.stop = () => started.stop();
  raw.on('close', entry.stop);
  return reply;
}
