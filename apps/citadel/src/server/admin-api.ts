import type { AddressInfo } from 'node:net';
import {
  type Component,
  createGatekeeper,
  LateenError,
  type MetricsRegistry,
  messageOf,
  type Secret,
} from '@lateen/runtime';
import { fastify, type FastifyError, type FastifyInstance } from 'fastify';

/** Longest life of a join token that the API mints. Seconds. */
const maxTokenTtlSeconds = 24 * 3600;

/** What the admin API works with. */
export interface AdminApiOptions {
  /** `HOST:PORT`; port 0 for any. */
  readonly address: string;
  readonly adminToken: () => Secret;
  readonly metrics: MetricsRegistry;
  /** Answers the token, or why there is none for these names. */
  readonly issueJoinToken: (
    namespace: string,
    serviceAccount: string,
    ttlMs: number,
  ) => Promise<{ readonly token: string } | { readonly complaint: string }>;
}

interface JoinTokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly ttlSeconds: number;
}

const joinTokenSchema = {
  type: 'object',
  required: ['namespace', 'serviceAccount', 'ttlSeconds'],
  additionalProperties: false,
  properties: {
    namespace: { type: 'string' },
    serviceAccount: { type: 'string' },
    ttlSeconds: { type: 'integer', minimum: 1, maximum: maxTokenTtlSeconds },
  },
} as const;

function createRoutes(options: AdminApiOptions): FastifyInstance {
  const server = fastify({ bodyLimit: 16 * 1024, forceCloseConnections: true, requestTimeout: 10_000 });
  const refuse = createGatekeeper({ token: options.adminToken(), hosts: [] });
  server.addHook('onRequest', async (request, reply) => {
    const { host, origin, authorization } = request.headers;
    const refusal = refuse({ path: request.url.split('?')[0] ?? '', host, origin, authorization });
    if (refusal) return reply.code(refusal.status).send({ message: refusal.message });
  });
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    const code = error.statusCode ?? 500;
    return reply.code(code).send({ message: code < 500 ? error.message : 'internal error' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'no such resource' }));
  server.get('/healthz/ready', async () => 'ok\n');
  server.get('/metrics', async (_request, reply) => {
    return reply.type('text/plain; version=0.0.4').send(options.metrics.text());
  });
  server.post<{ Body: JoinTokenRequest }>('/v1/join-tokens', {
    schema: { body: joinTokenSchema },
    handler: async (request, reply) => {
      const { namespace, serviceAccount, ttlSeconds } = request.body;
      const minted = await options.issueJoinToken(namespace, serviceAccount, ttlSeconds * 1000);
      return 'token' in minted ? reply.send(minted) : reply.code(400).send({ message: minted.complaint });
    },
  });
  return server;
}

/** HTTP API for the machine's own user: mints join tokens, shows health and metrics. `port` is the bound one. */
export function createAdminApi(options: AdminApiOptions): Component & { readonly port: number } {
  const colon = options.address.lastIndexOf(':');
  const host = options.address.slice(0, colon).replace(/^\[|\]$/g, '');
  let server: FastifyInstance | undefined;
  let port = 0;
  return {
    name: 'citadel admin API',
    get port() {
      return port;
    },
    async start() {
      server = createRoutes(options);
      try {
        await server.listen({ host, port: Number(options.address.slice(colon + 1)) });
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        const why = taken
          ? 'the address is taken, stop its owner or set CITADEL_ADMIN_ADDRESS'
          : messageOf(error);
        const message = `citadel's admin API cannot listen on ${options.address}: ${why}`;
        throw new LateenError(message, { code: 'LTN_CITADEL_LISTEN', origin: 'config', cause: error });
      }
      port = (server.server.address() as AddressInfo).port;
    },
    async stop() {
      await server?.close();
    },
  };
}
