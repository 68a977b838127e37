import type { AddressInfo } from 'node:net';
import {
  adminToken,
  createGatekeeper,
  type Component,
  LateenError,
  type MetricsRegistry,
  messageOf,
  type WatchValue,
} from '@lateen/runtime';
import { fastify, type FastifyError, type FastifyInstance } from 'fastify';
import type { Discovery } from '../discovery/discovery.ts';
import type { Address } from '../settings.ts';
import { formatAddress } from '../settings.ts';
import type { MeshState } from '../snapshot/mesh-state.ts';
import { adsz, configDump, configz, endpointz, registryz, syncz } from './views.ts';

/** What the debug server shows. */
export interface DebugServerOptions {
  readonly address: Address;
  readonly hosts: readonly string[];
  readonly stateDir: string;
  readonly discovery: Discovery;
  readonly states: WatchValue<MeshState | undefined>;
  readonly metrics: MetricsRegistry;
}

function notYet(): never {
  throw Object.assign(new Error('no configuration has come from galley yet'), { statusCode: 503 });
}

function addDebugPages(server: FastifyInstance, options: DebugServerOptions): void {
  const { discovery, states } = options;
  const connections = () => [...discovery.secure.connections(), ...discovery.plaintext.connections()];
  const pages: Readonly<Record<string, () => unknown>> = {
    syncz: () => syncz(connections()),
    adsz: () => adsz(connections()),
    registryz: () => registryz(states.current ?? notYet()),
    endpointz: () => endpointz(states.current ?? notYet()),
    configz: () => configz(states.current ?? notYet()),
  };
  for (const [name, page] of Object.entries(pages)) server.get(`/debug/${name}`, async () => page());
  server.get('/debug', async () =>
    [...Object.keys(pages), 'config_dump?proxyID='].map((name) => `/debug/${name}`),
  );
  server.get<{ Querystring: { proxyID?: string } }>('/debug/config_dump', async (request, reply) => {
    const { proxyID = '' } = request.query;
    const found = [...discovery.proxies.values()].filter(({ proxy }) => proxy.id === proxyID).at(-1);
    if (!found) return reply.code(404).send({ message: `no proxy "${proxyID}" is connected` });
    return configDump(found);
  });
}

function createRoutes(options: DebugServerOptions): FastifyInstance {
  const server = fastify({ bodyLimit: 16 * 1024, forceCloseConnections: true, requestTimeout: 10_000 });
  const refuse = createGatekeeper({ token: adminToken(options.stateDir), hosts: options.hosts });
  server.addHook('onRequest', async (request, reply) => {
    const { host, origin, authorization } = request.headers;
    const path = request.url.split('?')[0] ?? '';
    const refusal = refuse({ path, host, origin, authorization });
    if (refusal) return reply.code(refusal.status).send({ message: refusal.message });
  });
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    const code = error.statusCode ?? 500;
    return reply.code(code).send({ message: code < 500 || code === 503 ? error.message : 'internal error' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'no such page' }));
  server.get('/healthz/ready', async (_request, reply) => {
    // Ready is who can answer proxies: listening, with a configuration, be it the last one before galley went away.
    if (!options.states.current) return reply.code(503).type('text/plain').send('waiting for galley\n');
    return reply.type('text/plain').send('ok\n');
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(options.metrics.text()),
  );
  addDebugPages(server, options);
  return server;
}

/** Health, metrics and debug pages over HTTP. `port` is the bound one after `start`. */
export function createDebugServer(options: DebugServerOptions): Component & { readonly port: number } {
  let server: FastifyInstance | undefined;
  let port = 0;
  return {
    name: 'pilot debug server',
    get port() {
      return port;
    },
    async start() {
      server = createRoutes(options);
      try {
        await server.listen({ ...options.address });
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        const why = taken
          ? 'the address is taken, stop its owner or set PILOT_DEBUG_ADDRESS'
          : messageOf(error);
        const message = `pilot's debug server cannot listen on ${formatAddress(options.address)}: ${why}`;
        throw new LateenError(message, { code: 'LTN_PILOT_LISTEN', origin: 'config', cause: error });
      }
      port = (server.server.address() as AddressInfo).port;
    },
    async stop() {
      await server?.close();
    },
  };
}
