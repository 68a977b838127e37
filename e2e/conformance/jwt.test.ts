import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ConfigObject, decodeDocument, definitionOf, parseDocuments } from '@lateen/config-schema';
import { compileProxy, createMeshModel, parseProxy } from '@lateen/mesh-compiler';
import { anyName, fromJson, toJson, unpackAny } from '@lateen/protos';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProxy } from './bad-inputs/proxy.ts';

interface Token {
  readonly name: string;
  readonly token: string;
  readonly payloadSegment: string;
  readonly signatureVerifiesWithJwks: boolean;
  readonly expired: boolean;
}

interface Row {
  readonly id: string;
  readonly from: string;
  readonly config: readonly { readonly template: string; readonly params: { readonly Namespace?: string } }[];
  readonly request: {
    readonly path?: string;
    readonly host?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly expect: {
    readonly status: number;
    readonly upstreamRequestHeaders?: Readonly<Record<string, string>>;
  };
}

const corpora = process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../shared/corpora');
const present = existsSync(join(corpora, 'jwt/tokens.json'));
const read = (file: string): string => (present ? readFileSync(join(corpora, file), 'utf8') : '{"cases":[]}');
const parsed = JSON.parse(read('jwt/tokens.json')) as { cases?: Token[]; tokens?: Token[] };
const tokens = new Map((parsed.cases ?? parsed.tokens ?? []).map((token) => [token.name, token]));
const keys = JSON.stringify(JSON.parse(read('jwt/jwks.json')));
// Rows of Kubernetes' Gateway API are about another configuration than Istio's; rows about how long a key server may
// take have nothing to wait for here, where the keys stand in the policy.
const rows = (JSON.parse(read('security-e2e/jwt.json')) as { cases: Row[] }).cases.filter(
  ({ id, config }) =>
    !id.startsWith('TestGatewayAPI') &&
    !config.some(({ template }) => /timeout:/.test(read(`security-e2e/${template}`))),
);
const floors = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')).jwt as {
  readonly tokens: number;
  readonly requests: number;
};

const service = 'b';

/** The little of Go's templates that these policies use. */
function render(template: string): string {
  return read(`security-e2e/${template}`)
    .replaceAll(/\{\{-? *range[^}]*\}\}|\{\{-? *end *\}\}/g, '')
    .replaceAll(/\{\{ *\$svc\.ServiceName *\}\}|\{\{ *\.To\.ServiceName *\}\}/g, service)
    .replaceAll(/jwksUri: "\{\{ *\.JWTServer\.JwksURI *\}\}"/g, `jwks: '${keys}'`)
    .replaceAll(/\{\{ *\.GatewayIstioLabel[^}]*\}\}/g, 'ingressgateway')
    .replaceAll(/\{\{ *\.To\.ClusterLocalFQDN *\}\}/g, `${service}.ns1.svc.cluster.local`)
    .replaceAll(/\{\{ *\(\.To\.PortForName[^}]*\}\}/g, '80');
}

function fill(text: string): string {
  return text
    .replaceAll(/\{\{jwt\.(\w+)\.payloadSegment\}\}/g, (_, name: string) => tokens.get(name)!.payloadSegment)
    .replaceAll(/\{\{jwt\.(\w+)\}\}/g, (_, name: string) => tokens.get(name)!.token)
    .replaceAll('{{to.service}}', service);
}

const nodes = {
  sidecar: {
    id: 'sidecar~127.0.0.1~b-1.ns1~ns1.svc.cluster.local',
    metadata: {
      NAME: 'b-1',
      NAMESPACE: 'ns1',
      LABELS: { app: service },
      LATEEN_INBOUND: [{ port: 18080, appPort: 18081, name: 'http' }],
    },
  },
  router: {
    id: 'router~127.0.0.1~gw-1.istio-system~istio-system.svc.cluster.local',
    metadata: { NAME: 'gw-1', NAMESPACE: 'istio-system', LABELS: { istio: 'ingressgateway' } },
  },
};

const managerName = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** The security filters that our compiler puts in front of the app, or on the gateway, in proto JSON. */
function securityFilters(row: Row): unknown[] {
  const objects = new Map<string, Map<string, ConfigObject>>();
  for (const { template, params } of row.config) {
    for (const document of parseDocuments(render(template)).documents) {
      const { object } = decodeDocument(document);
      const collection = object && definitionOf(object)?.collection;
      if (!object || !collection) continue;
      const namespace = params.Namespace ?? 'ns1';
      const placed = { ...object, metadata: { ...object.metadata, namespace } };
      const known = objects.get(collection) ?? new Map<string, ConfigObject>();
      objects.set(collection, known.set(`${namespace}/${object.metadata.name}`, placed));
    }
  }
  const model = createMeshModel({ revision: 1, objects }, { domainSuffix: 'cluster.local' });
  const node = row.from === 'ingress' ? nodes.router : nodes.sidecar;
  const { listeners } = compileProxy(model, parseProxy(fromJson('envoy.config.core.v3.Node', node)));
  for (const listener of listeners.values()) {
    const chains = [
      ...(listener.filterChains ?? []),
      ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : []),
    ];
    for (const filter of chains.flatMap(({ filters }) => filters ?? [])) {
      if (!filter.typedConfig || anyName(filter.typedConfig) !== managerName) continue;
      if (row.from !== 'ingress' && listener.trafficDirection !== 1) continue;
      const json = toJson(managerName, unpackAny(managerName, filter.typedConfig)) as {
        httpFilters: { name: string; typedConfig?: { '@type'?: string } }[];
      };
      return json.httpFilters.filter(({ typedConfig }) =>
        /jwt_authn|http\.rbac|http\.router/.test(typedConfig?.['@type'] ?? ''),
      );
    }
  }
  return [];
}

interface Origin {
  readonly port: number;
  last: IncomingHttpHeaders | undefined;
  readonly server: Server;
}

async function startOrigin(): Promise<Origin> {
  const server = createServer((incoming, response) => {
    origin.last = incoming.headers;
    response.end('origin');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin: Origin = { port: (server.address() as AddressInfo).port, last: undefined, server };
  return origin;
}

function statusOf(port: number, asked: Row['request']): Promise<number> {
  const headers = Object.fromEntries(
    Object.entries(asked.headers ?? {}).map(([name, value]) => [name, fill(value)]),
  );
  return new Promise((resolve, reject) => {
    const call = request(
      {
        port,
        host: '127.0.0.1',
        agent: false,
        method: asked.method ?? 'GET',
        path: fill(asked.path || '/'),
        headers: { ...headers, host: fill(asked.host ?? service) },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.once('error', reject);
    call.end();
  });
}

describe.skipIf(!present)('JSON Web Tokens', () => {
  let origin: Origin;
  const passed = { tokens: 0, requests: 0 };
  beforeAll(async () => void (origin = await startOrigin()));
  afterAll(() => {
    origin.server.closeAllConnections();
    origin.server.close();
  });

  async function answer(httpFilters: unknown[], asked: Row['request']): Promise<number> {
    await using proxy = await startProxy(origin.port, { l: { http_filters: httpFilters } });
    origin.last = undefined;
    return await statusOf(proxy.port('l')!, asked);
  }

  test.each([...tokens.keys()])('token %s', async (name) => {
    const { token, payloadSegment, signatureVerifiesWithJwks, expired } = tokens.get(name)!;
    const provider = { local_jwks: { inline_string: keys }, forward_payload_header: 'x-payload' };
    const type = 'type.googleapis.com/envoy.extensions.filters.http';
    const filters = [
      {
        name: 'envoy.filters.http.jwt_authn',
        typed_config: {
          '@type': `${type}.jwt_authn.v3.JwtAuthentication`,
          providers: { p: provider },
          rules: [{ match: { prefix: '/' }, requires: { provider_name: 'p' } }],
        },
      },
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${type}.router.v3.Router` } },
    ];
    const status = await answer(filters, { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(signatureVerifiesWithJwks && !expired ? 200 : 401);
    if (status === 200) expect(origin.last?.['x-payload']).toBe(payloadSegment);
    passed.tokens += 1;
  });

  test.each(rows.map((row) => [row.id, row] as const))('%s', async (_, row) => {
    const filters = securityFilters(row);
    expect(filters.length).toBeGreaterThan(0);
    expect(await answer(filters, row.request)).toBe(row.expect.status);
    for (const [name, value] of Object.entries(row.expect.upstreamRequestHeaders ?? {})) {
      expect([name, origin.last?.[name.toLowerCase()] ?? '']).toEqual([name, fill(value)]);
    }
    passed.requests += 1;
  });

  test('no fewer than before', () => {
    expect(passed.tokens).toBeGreaterThanOrEqual(floors.tokens);
    expect(passed.requests).toBeGreaterThanOrEqual(floors.requests);
  });
});

test.skipIf(present)('the corpora are absent: nothing was compared', () => {
  expect(rows).toEqual([]);
});
