import type { AddressInfo } from 'node:net';
import {
  createGatekeeper,
  type Clock,
  type Component,
  LateenError,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Secret,
  type Timer,
} from '@lateen/runtime';
import { fastify, type FastifyError, type FastifyInstance } from 'fastify';
import type { Rollout } from '../status/rollout.ts';
import type { Catalog } from '../store/catalog.ts';
import { accessReview } from './access-review.ts';
import { ApiFailure, failureBody, type StatusBody } from './api-status.ts';
import { discoveryOf } from './discovery.ts';
import { addLateenRoutes } from './lateen-routes.ts';
import { openApiOf } from './openapi.ts';
import { type ServingCertificate, servingCertificate } from './serving-certificate.ts';
import { addTlsDoor } from './tls-door.ts';
import { requestBody } from './request-body.ts';
import { createResourceHandler, pathOf } from './resource-handler.ts';

/** What the API needs. */
export interface ApiServerOptions {
  /** Address to listen on. Port 0 lets the system choose. */
  readonly host: string;
  readonly port: number;
  /** Further names that clients call this server by. */
  readonly hostNames: readonly string[];
  readonly token: Secret;
  /** Where the authority of the serving certificate is kept. */
  readonly stateDir: string;
  readonly catalog: Catalog;
  readonly rollout: Rollout;
  readonly metrics: MetricsRegistry;
  /** Is everything that clients rely on up? */
  readonly ready: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Largest body, an `apply` of many documents. Bytes. */
const maxBodyBytes = 32 * 1024 * 1024;
const requestTimeoutMs = 30_000;
/** The serving certificate is renewed long before it ends. */
const renewalIntervalMs = 7 * 86_400_000;

/**
 * The HTTP API: Kubernetes' paths for every kind, apply, rollout, discovery, health and metrics. Its port takes plain text
 * and TLS: kubectl sends tokens over TLS alone.
 */
export function createApiServer(options: ApiServerOptions): Component & { readonly port: number } {
  const { catalog, clock, logger, metrics } = options;
  const open = ['/healthz', '/healthz/ready', '/livez', '/readyz'];
  const refuse = createGatekeeper({ token: options.token, hosts: options.hostNames, open });
  const watches = new Set<{ stop(): void }>();
  let server: FastifyInstance | undefined;
  let port = 0;
  let renewal: Timer | undefined;

  const build = (): FastifyInstance => {
    const app = fastify({
      bodyLimit: maxBodyBytes,
      requestTimeout: requestTimeoutMs,
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      routerOptions: { ignoreTrailingSlash: false, maxParamLength: 4096 },
    });
    // Bodies stay text here: each handler knows what it reads.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.addHook('onRequest', async (request) => {
      const { host, origin, authorization } = request.headers;
      const refusal = refuse({ path: pathOf(request.url), host, origin, authorization });
      if (refusal)
        throw new ApiFailure(refusal.status === 401 ? 'Unauthorized' : 'Forbidden', refusal.message);
    });
    app.addHook('onResponse', async (request, reply) => {
      metrics
        .counter('galley_api_requests_total', 'Requests to the API.', {
          method: request.method,
          code: String(reply.statusCode),
        })
        .inc();
    });
    app.setErrorHandler((error: FastifyError | Error, request, reply) => {
      const body = statusOf(error);
      if (body.code >= 500) logger.error({ err: error, url: request.url }, 'an API call failed');
      return reply.code(body.code).send(body);
    });
    app.setNotFoundHandler((request, reply) => {
      const discovery =
        request.method === 'GET' ? discoveryOf(pathOf(request.url), request.headers.accept) : undefined;
      if (discovery) return reply.type(discovery.type).send(JSON.stringify(discovery.body));
      return reply
        .code(404)
        .send(failureBody('NotFound', 'the server could not find the requested resource'));
    });
    for (const path of ['/healthz', '/livez', '/readyz']) app.get(path, () => 'ok');
    for (const url of ['/openapi/v3', '/openapi/v3/*']) {
      app.get(url, (request, reply) => {
        const document = openApiOf(pathOf(request.url));
        if (document !== undefined) return reply.type('application/json').send(document);
        throw new ApiFailure('NotFound', 'the server could not find the requested resource');
      });
    }
    app.get('/healthz/ready', (_request, reply) =>
      options.ready() ? 'ok' : reply.code(503).send('not ready'),
    );
    app.get('/metrics', (_request, reply) => reply.type('text/plain; version=0.0.4').send(metrics.text()));
    addLateenRoutes(app, options);
    const handle = createResourceHandler({ catalog, clock, watches });
    for (const url of ['/api/*', '/apis/*']) {
      app.route({
        url,
        method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        handler: async (request, reply) => {
          const path = pathOf(request.url);
          const discovery = request.method === 'GET' ? discoveryOf(path, request.headers.accept) : undefined;
          if (discovery) return reply.type(discovery.type).send(JSON.stringify(discovery.body));
          const review =
            request.method === 'POST' ? accessReview(path, () => requestBody(request)) : undefined;
          return review ? reply.code(201).send(review) : handle(request, reply);
        },
      });
    }
    return app;
  };

  return {
    name: 'api-server',
    get port() {
      return port;
    },
    async start() {
      server = build();
      const names = options.hostNames;
      const certificate = (): Promise<ServingCertificate> =>
        servingCertificate(options.stateDir, { names, nowMs: clock.now() });
      const door = addTlsDoor(server.server, await certificate());
      const renew = (): void => {
        certificate()
          .then((next) => door.renew(next))
          .catch((error: unknown) => logger.error({ err: error }, 'the certificate is not renewed'));
        renewal = clock.after(renewalIntervalMs, renew);
      };
      renewal = clock.after(renewalIntervalMs, renew);
      try {
        await server.listen({ host: options.host, port: options.port });
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        const reason = taken
          ? 'the address is taken, stop its owner or set GALLEY_API_ADDRESS'
          : messageOf(error);
        const message = `the API cannot listen on ${options.host}:${options.port}: ${reason}`;
        throw new LateenError(message, { code: 'LTN_GALLEY_LISTEN', origin: 'config', cause: error });
      }
      port = (server.server.address() as AddressInfo).port;
    },
    async stop() {
      renewal?.cancel();
      for (const watch of watches) watch.stop();
      await server?.close();
      server = undefined;
    },
  };
}

/** The one place where what a handler throws becomes a Status. */
function statusOf(error: FastifyError | Error): StatusBody {
  if (error instanceof ApiFailure) return error.body;
  if (error instanceof LateenError && error.code === 'LTN_BUS_TOO_LARGE') {
    return failureBody('RequestEntityTooLarge', error.message);
  }
  if (error instanceof LateenError && error.retryable)
    return failureBody('ServiceUnavailable', error.message);
  const code = 'statusCode' in error ? error.statusCode : undefined;
  if (code === 413) return failureBody('RequestEntityTooLarge', `a body may have ${maxBodyBytes} bytes`);
  if (code !== undefined && code >= 400 && code < 500) return failureBody('BadRequest', error.message);
  return failureBody('InternalError', 'internal error, see the log of galley');
}
