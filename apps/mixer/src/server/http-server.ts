import { type Component, LateenError } from '@lateen/runtime';
import fastify, { type FastifyInstance } from 'fastify';

/** A page of an HTTP server that only shows things. */
export interface Page {
  readonly path: string;
  answer(): Promise<PageAnswer> | PageAnswer;
}

/** What a page shows. */
interface PageAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A plain HTTP server of a few pages; `port` is the bound one after `start`. */
export function createHttpServer(options: {
  readonly name: string;
  /** `HOST:PORT`, port 0 for any. */
  readonly address: string;
  readonly pages: readonly Page[];
}): Component & { readonly port: number } {
  let server: FastifyInstance | undefined;
  let port = 0;
  return {
    name: options.name,
    get port() {
      return port;
    },
    async start() {
      server = fastify({ forceCloseConnections: true, requestTimeout: 10_000, bodyLimit: 1024 });
      for (const { path, answer } of options.pages) {
        server.get(path, async (_request, reply) => {
          const { status, contentType, body } = await answer();
          return reply.code(status).type(contentType).send(body);
        });
      }
      const colon = options.address.lastIndexOf(':');
      try {
        await server.listen({
          host: options.address.slice(0, colon),
          port: Number(options.address.slice(colon + 1)),
        });
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        const hint = taken ? ': the address is taken, stop its owner or choose another' : '';
        throw new LateenError(`${options.name} cannot listen on ${options.address}${hint}`, {
          code: 'LTN_MIXER_LISTEN',
          origin: 'config',
          cause: error,
        });
      }
      const address = server.server.address();
      port = typeof address === 'object' && address ? address.port : 0;
    },
    async stop() {
      await server?.close();
      server = undefined;
    },
  };
}
