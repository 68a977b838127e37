import {
  decode,
  encode,
  type envoy_config_route_v3_Route,
  type envoy_config_route_v3_RouteConfiguration,
  fromJson,
  packAny,
} from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import {
  autoHost,
  type FormatContext,
  type MutableHeaders,
  type RouteDecision,
  type RouteRequest,
} from './decision.ts';
import { compileRouteTable } from './route-table.ts';

const tableName = 'envoy.config.route.v3.RouteConfiguration';

/** Configs are written as Envoy's JSON and pass the wire, as they do on their way from a control plane. */
const tableOf = (json: object) =>
  compileRouteTable(decode(tableName, encode(tableName, fromJson(tableName, { name: 'r', ...json }))), {
    decodeFilterConfig: (filter, any) => {
      if (filter === 'unknown') throw new Error('no such filter');
      return `${filter}:${Buffer.from(any.value ?? [])
        .toString('latin1')
        .slice(2)}`;
    },
  });

interface Asked extends Partial<Omit<RouteRequest, 'headers'>> {
  readonly headers?: Record<string, string>;
}

function requestOf(asked: Asked = {}): RouteRequest {
  const headers = asked.headers ?? {};
  return {
    authority: 'a.com',
    path: '/',
    method: 'GET',
    scheme: 'http',
    listenerPort: 80,
    peerCertificate: 'none',
    metadata: () => undefined,
    random: () => 0.5,
    ...asked,
    headers: { get: (name) => headers[name] },
  };
}

const show = (decision: RouteDecision): string =>
  decision.kind === 'forward'
    ? decision.cluster
    : decision.kind === 'no-route'
      ? `none in ${decision.virtualHost}`
      : decision.kind === 'redirect'
        ? `${decision.status} ${decision.location}`
        : `${decision.status} ${Buffer.from(decision.body).toString()}`;

const host = (name: string, ...domains: string[]) => ({
  name,
  domains,
  routes: [{ match: { prefix: '/' }, route: { cluster: name } }],
});

describe('virtual host', () => {
  const table = tableOf({
    virtual_hosts: [
      host('exact', 'a.com', 'A.org:8080'),
      host('suffix', '*.a.com', '*-b.a.com'),
      host('longer', '*.c.a.com'),
      host('prefix', 'a.*'),
      host('any', '*'),
    ],
  });
  const cases: [string, string][] = [
    ['a.com', 'exact'],
    ['A.COM', 'exact'],
    ['a.com:80', 'prefix'],
    ['a.org:8080', 'exact'],
    ['x.a.com', 'suffix'],
    ['x-b.a.com', 'suffix'],
    ['.a.com', 'any'],
    ['x.c.a.com', 'longer'],
    ['a.net', 'prefix'],
    ['a.', 'any'],
    ['b.com', 'any'],
    ['', 'any'],
  ];
  test.each(cases)('%s is served by %s', (authority, expected) => {
    expect(show(table.decide(requestOf({ authority })))).toBe(expected);
  });

  const stripped = tableOf({
    ignore_port_in_host_matching: true,
    virtual_hosts: [host('a', 'a.com'), host('six', '[::1]'), host('suffix', '*.b')],
  });
  test.each([
    ['a.com:8080', 'a'],
    ['[::1]:80', 'six'],
    ['[::1]', 'six'],
    ['x.b:1', 'suffix'],
    ['a.com:x', 'none in undefined'],
    ['z', 'none in undefined'],
  ])('without its port %s is served by %s', (authority, expected) => {
    expect(show(stripped.decide(requestOf({ authority })))).toBe(expected);
  });
});

const route = (match: object, cluster = 'yes'): object => ({
  virtual_hosts: [
    {
      name: 'v',
      domains: ['*'],
      routes: [
        { match, route: { cluster } },
        { match: { prefix: '' }, route: { cluster: 'no' } },
      ],
    },
  ],
});

describe('route match', () => {
  const grpc = { 'content-type': 'application/grpc+proto' };
  const cases: [object, Asked, boolean][] = [
    [{ prefix: '/a' }, { path: '/ab?q' }, true],
    [{ prefix: '/a' }, { path: '/A' }, false],
    [{ prefix: '/A', case_sensitive: false }, { path: '/ab' }, true],
    [{ prefix: '/a?b' }, { path: '/a?b' }, false],
    [{ path: '/a' }, { path: '/a?x=1' }, true],
    [{ path: '/a' }, { path: '/a/' }, false],
    [{ path: '/A', case_sensitive: false }, { path: '/a' }, true],
    [{ safe_regex: { regex: '/a/[0-9]+' } }, { path: '/a/12?x' }, true],
    [{ safe_regex: { regex: '/a/[0-9]+' } }, { path: '/a/12/b' }, false],
    [{ path_separated_prefix: '/a' }, { path: '/a' }, true],
    [{ path_separated_prefix: '/a' }, { path: '/a/b?c' }, true],
    [{ path_separated_prefix: '/a' }, { path: '/ab' }, false],
    [{ connect_matcher: {} }, { method: 'CONNECT', path: '' }, true],
    [{ connect_matcher: {} }, {}, false],
    [{ prefix: '/' }, { method: 'CONNECT', path: '' }, false],
    [
      { prefix: '/', headers: [{ name: ':method', exact_match: 'GET' }] },
      { headers: { ':method': 'GET' } },
      true,
    ],
    [
      { prefix: '/', headers: [{ name: 'a', exact_match: '1' }, { name: 'b' }] },
      { headers: { a: '1' } },
      false,
    ],
    [
      { prefix: '/', headers: [{ name: 'a', exact_match: '1' }, { name: 'b' }] },
      { headers: { a: '1', b: '' } },
      true,
    ],
    [
      { prefix: '/', query_parameters: [{ name: 'q', string_match: { exact: '1' } }] },
      { path: '/?q=1' },
      true,
    ],
    [
      { prefix: '/', query_parameters: [{ name: 'q', string_match: { exact: '1' } }] },
      { path: '/?q=2' },
      false,
    ],
    [{ prefix: '/', grpc: {} }, { headers: grpc }, true],
    [{ prefix: '/', grpc: {} }, { headers: { 'content-type': 'application/grpc-web' } }, false],
    [{ prefix: '/', runtime_fraction: { default_value: { numerator: 51 } } }, {}, true],
    [{ prefix: '/', runtime_fraction: { default_value: { numerator: 50 } } }, {}, false],
    [{ prefix: '/', runtime_fraction: { default_value: {} } }, { random: () => 0 }, false],
    [{ prefix: '/', tls_context: { presented: true } }, {}, false],
    [{ prefix: '/', tls_context: { presented: false } }, {}, true],
    [{ prefix: '/', tls_context: { validated: true } }, { peerCertificate: 'validated' }, true],
    [{ prefix: '/', tls_context: { validated: true } }, { peerCertificate: 'presented' }, false],
    [
      { prefix: '/', dynamic_metadata: [{ filter: 'f', path: [{ key: 'k' }], value: { bool_match: true } }] },
      { metadata: () => ({ k: true }) },
      true,
    ],
  ];
  test.each(cases)('%j with %j: %j', (match, asked, expected) => {
    expect(show(tableOf(route(match)).decide(requestOf(asked)))).toBe(expected ? 'yes' : 'no');
  });

  test('path parameters are left out when the table says so', () => {
    const table = tableOf({ ignore_path_parameters_in_path_matching: true, ...route({ path: '/a/b' }) });
    expect(show(table.decide(requestOf({ path: '/a;v=1/b;w' })))).toBe('yes');
  });
});

describe('path and host', () => {
  const cases: [object, object, Asked, string, string | typeof autoHost | undefined][] = [
    [{ prefix: '/a/' }, { prefix_rewrite: '/' }, { path: '/a/b?q=/a/' }, '/b?q=/a/', undefined],
    [{ prefix: '/a' }, { prefix_rewrite: '/x' }, { path: '/ab' }, '/xb', undefined],
    [{ prefix: '/A', case_sensitive: false }, { prefix_rewrite: '/x' }, { path: '/ab' }, '/xb', undefined],
    [{ path: '/a' }, { prefix_rewrite: '/x' }, { path: '/a?b' }, '/x?b', undefined],
    [{ safe_regex: { regex: '/a.*' } }, { prefix_rewrite: '/x' }, { path: '/abc?b' }, '/x?b', undefined],
    [{ path_separated_prefix: '/a' }, { prefix_rewrite: '/x' }, { path: '/a/b' }, '/x/b', undefined],
    [
      { prefix: '/' },
      { regex_rewrite: { pattern: { regex: '^/s/(\\w+)/(\\w+)' }, substitution: '/\\2/\\1' } },
      { path: '/s/a/b?c=/s/x/y' },
      '/b/a?c=/s/x/y',
      undefined,
    ],
    [{ prefix: '/' }, { host_rewrite_literal: 'b.com' }, {}, '/', 'b.com'],
    [{ prefix: '/' }, { auto_host_rewrite: true }, {}, '/', autoHost],
    [{ prefix: '/' }, { host_rewrite_header: 'X-H' }, { headers: { 'x-h': 'c.com' } }, '/', 'c.com'],
    [{ prefix: '/' }, { host_rewrite_header: 'X-H' }, {}, '/', undefined],
    [
      { prefix: '/' },
      { host_rewrite_path_regex: { pattern: { regex: '^/(\\w+)/.*' }, substitution: '\\1.com' } },
      { path: '/d/x?y' },
      '/d/x?y',
      'd.com',
    ],
  ];
  test.each(cases)('%j %j on %j', (match, action, asked, path, newHost) => {
    const table = tableOf({
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match, route: { cluster: 'c', ...action } }] }],
    });
    const request = requestOf(asked);
    const decision = table.decide(request);
    if (decision.kind !== 'forward') throw new Error(show(decision));
    expect([decision.route.rewritePath(request), decision.route.rewriteHost(request)]).toEqual([
      path,
      newHost,
    ]);
  });
});

describe('redirect and direct response', () => {
  const cases: [object, Asked, string][] = [
    [{ https_redirect: true }, { path: '/a?b' }, '301 https://a.com/a?b'],
    [{ https_redirect: true }, { authority: 'a.com:80' }, '301 https://a.com/'],
    [{ https_redirect: true }, { authority: 'a.com:8080' }, '301 https://a.com:8080/'],
    [{ https_redirect: true, port_redirect: 8443 }, { authority: 'a.com:8080' }, '301 https://a.com:8443/'],
    [{ https_redirect: true, port_redirect: 8443 }, { authority: '[::1]:80' }, '301 https://[::1]:8443/'],
    [{ scheme_redirect: 'ftp' }, {}, '301 ftp://a.com/'],
    [{ host_redirect: 'b.com' }, { authority: 'a.com:81' }, '301 http://b.com/'],
    [{ path_redirect: '/x' }, { path: '/a?b' }, '301 http://a.com/x?b'],
    [{ path_redirect: '/x?y' }, { path: '/a?b' }, '301 http://a.com/x?y'],
    [{ path_redirect: '/x', strip_query: true }, { path: '/a?b' }, '301 http://a.com/x'],
    [{ strip_query: true, host_redirect: 'b' }, { path: '/a?b' }, '301 http://b/a'],
    [{ prefix_rewrite: '/z' }, { path: '/p/q?b' }, '301 http://a.com/z/q?b'],
    [
      { regex_rewrite: { pattern: { regex: 'p' }, substitution: 'r' } },
      { path: '/p?p' },
      '301 http://a.com/r?p',
    ],
    [{ host_redirect: 'b', response_code: 'FOUND' }, {}, '302 http://b/'],
    [{ host_redirect: 'b', response_code: 'SEE_OTHER' }, {}, '303 http://b/'],
    [{ host_redirect: 'b', response_code: 'TEMPORARY_REDIRECT' }, {}, '307 http://b/'],
    [{ host_redirect: 'b', response_code: 'PERMANENT_REDIRECT' }, {}, '308 http://b/'],
    [{ host_redirect: 'b' }, { scheme: 'https' }, '301 https://b/'],
  ];
  test.each(cases)('%j on %j gives %s', (redirect, asked, expected) => {
    const prefix = asked.path?.startsWith('/p') ? '/p' : '/';
    const table = tableOf({
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix }, redirect }] }],
    });
    expect(show(table.decide(requestOf(asked)))).toBe(expected);
  });

  test('a direct response has status and body', () => {
    const direct_response = { status: 418, body: { inline_string: 'tea' } };
    const routes = [{ match: { prefix: '/' }, direct_response }];
    expect(
      show(tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes }] }).decide(requestOf())),
    ).toBe('418 tea');
  });

  test('require_tls redirects plain requests before any route', () => {
    const tls = (require_tls: string) => tableOf({ virtual_hosts: [{ ...host('v', '*'), require_tls }] });
    const secure = { 'x-forwarded-proto': 'https' };
    expect(show(tls('ALL').decide(requestOf({ path: '/x?y' })))).toBe('301 https://a.com/x?y');
    expect(show(tls('ALL').decide(requestOf({ headers: secure })))).toBe('v');
    expect(show(tls('EXTERNAL_ONLY').decide(requestOf()))).toBe('301 https://a.com/');
    expect(show(tls('EXTERNAL_ONLY').decide(requestOf({ headers: { 'x-envoy-internal': 'true' } })))).toBe(
      'v',
    );
  });
});

describe('cluster choice', () => {
  const weighted = tableOf({
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          {
            match: { prefix: '/' },
            route: {
              weighted_clusters: {
                clusters: [
                  { name: 'v1', weight: 80 },
                  { name: 'off', weight: 0 },
                  { name: 'v2', weight: 20, host_rewrite_literal: 'two' },
                ],
              },
            },
          },
        ],
      },
    ],
  });
  test.each([
    [0, 'v1'],
    [0.79, 'v1'],
    [0.8, 'v2'],
    [0.999, 'v2'],
  ])('a draw of %d chooses %s', (draw, expected) => {
    expect(show(weighted.decide(requestOf({ random: () => draw })))).toBe(expected);
  });

  test('a leg has its own host, and all clusters are known', () => {
    const request = requestOf({ random: () => 0.9 });
    const decision = weighted.decide(request);
    expect(decision.kind === 'forward' && decision.route.rewriteHost(request)).toBe('two');
    expect([...weighted.clusters]).toEqual(['v1', 'off', 'v2']);
  });

  test('a header names the cluster', () => {
    const routes = [{ match: { prefix: '/' }, route: { cluster_header: 'X-C' } }];
    const table = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes }] });
    expect(show(table.decide(requestOf({ headers: { 'x-c': 'from-header' } })))).toBe('from-header');
    expect(show(table.decide(requestOf()))).toBe('');
  });
});

class Headers implements MutableHeaders {
  readonly entries: [string, string][];

  constructor(entries: [string, string][]) {
    this.entries = entries;
  }

  get(name: string): string | undefined {
    const found = this.entries.filter(([other]) => other === name).map(([, value]) => value);
    return found.length > 0 ? found.join(',') : undefined;
  }

  set(name: string, value: string): void {
    this.delete(name);
    this.entries.push([name, value]);
  }

  append(name: string, value: string): void {
    this.entries.push([name, value]);
  }

  delete(name: string): void {
    this.entries.splice(0, Infinity, ...this.entries.filter(([other]) => other !== name));
  }
}

describe('header rules', () => {
  const add = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD', more = {}) => ({
    header: { key, value },
    append_action,
    ...more,
  });
  function apply(level: object, given: [string, string][], table: object = {}): [string, string][] {
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...level }];
    const compiled = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes }], ...table });
    const decision = compiled.decide(requestOf());
    if (decision.kind !== 'forward') throw new Error(show(decision));
    const headers = new Headers(given);
    const context: FormatContext = {
      requestHeaders: headers,
      responseHeaders: undefined,
      operator: (name, argument) => (name === 'PROTOCOL' ? 'HTTP/1.1' : argument),
    };
    for (const rules of decision.requestHeaders) rules.apply(headers, context);
    return headers.entries;
  }
  const cases: [object, [string, string][], [string, string][]][] = [
    [
      { request_headers_to_add: [add('A', '2')] },
      [['a', '1']],
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    [{ request_headers_to_add: [add('a', '2', 'ADD_IF_ABSENT')] }, [['a', '1']], [['a', '1']]],
    [
      { request_headers_to_add: [add('a', '2', 'OVERWRITE_IF_EXISTS_OR_ADD')] },
      [
        ['a', '1'],
        ['a', '1'],
      ],
      [['a', '2']],
    ],
    [{ request_headers_to_add: [add('a', '2', 'OVERWRITE_IF_EXISTS')] }, [], []],
    [
      { request_headers_to_add: [{ header: { key: 'a', value: '2' }, append: false }] },
      [['a', '1']],
      [['a', '2']],
    ],
    [
      { request_headers_to_remove: ['A'], request_headers_to_add: [add('a', '2')] },
      [['a', '1']],
      [['a', '2']],
    ],
    [
      { request_headers_to_add: [add('b', '%REQ(A)%')] },
      [['a', '1']],
      [
        ['a', '1'],
        ['b', '1'],
      ],
    ],
    [
      { request_headers_to_add: [add('b', '%REQ(x?a):2%!')] },
      [['a', '123']],
      [
        ['a', '123'],
        ['b', '12!'],
      ],
    ],
    [{ request_headers_to_add: [add('b', '%REQ(x)%')] }, [], []],
    [
      { request_headers_to_add: [add('b', '%REQ(x)%', undefined, { keep_empty_value: true })] },
      [],
      [['b', '']],
    ],
    [{ request_headers_to_add: [add('b', '100%% %PROTOCOL%')] }, [], [['b', '100% HTTP/1.1']]],
    [{ request_headers_to_add: [add('b', '%DYNAMIC_METADATA(f:k)%')] }, [], [['b', 'f:k']]],
  ];
  test.each(cases)('%j on %j', (level, given, expected) => expect(apply(level, given)).toEqual(expected));

  test('inner levels run first; the other way round when the most specific wins', () => {
    const set = (value: string) => ({
      request_headers_to_add: [add('a', value, 'OVERWRITE_IF_EXISTS_OR_ADD')],
    });
    expect(apply(set('route'), [], set('table'))).toEqual([['a', 'table']]);
    expect(apply(set('route'), [], { ...set('table'), most_specific_header_mutations_wins: true })).toEqual([
      ['a', 'route'],
    ]);
  });
});

describe('forward route', () => {
  const forward = (action: object, asked: Asked = {}, virtualHost: object = {}) => {
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'c', ...action } }];
    const table = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes, ...virtualHost }] });
    const decision = table.decide(requestOf(asked));
    if (decision.kind !== 'forward') throw new Error(show(decision));
    return decision;
  };

  test('timeouts: 15 s by default, 0 is none', () => {
    expect(forward({}).route.timeoutMs).toBe(15_000);
    expect(forward({ timeout: '0s' }).route.timeoutMs).toBeUndefined();
    expect(forward({ timeout: '0.25s', idle_timeout: '0s', max_grpc_timeout: '3s' }).route).toMatchObject({
      timeoutMs: 250,
      idleTimeoutMs: 0,
      maxGrpcTimeoutMs: 3000,
    });
  });

  test('retries as Istio states them', () => {
    const retry_policy = {
      retry_on: 'connect-failure, 5xx,retriable-status-codes',
      num_retries: 2,
      retriable_status_codes: [503],
      per_try_timeout: '1s',
      retry_host_predicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
      host_selection_retry_max_attempts: 5,
    };
    const { retry } = forward({ retry_policy }).route;
    expect([...retry!.on]).toEqual(['connect-failure', '5xx', 'retriable-status-codes']);
    expect(retry).toMatchObject({
      retries: 2,
      perTryTimeoutMs: 1000,
      baseIntervalMs: 25,
      maxIntervalMs: 250,
      avoidPreviousHosts: true,
      hostSelectionAttempts: 5,
    });
    expect(forward({}, {}, { retry_policy: { retry_on: '5xx' } }).route.retry?.retries).toBe(1);
  });

  test('mirrors draw their share and shadow the host', () => {
    const policy = { cluster: 'm', runtime_fraction: { default_value: { numerator: 10 } } };
    const [mirror] = forward({ request_mirror_policies: [policy] }).route.mirrors;
    expect([mirror!.applies(0.09), mirror!.applies(0.1), mirror!.shadowHost]).toEqual([true, false, true]);
    expect(
      forward({}, {}, { request_mirror_policies: [{ cluster: 'm' }] }).route.mirrors[0]?.applies(0.999),
    ).toBe(true);
  });

  test('a hash needs its source, a terminal policy ends the list', () => {
    const policies = [
      { header: { header_name: 'x-u' }, terminal: true },
      { connection_properties: { source_ip: true } },
    ];
    const hash = (headers: Record<string, string>) => {
      const request = requestOf({ headers });
      return forward({ hash_policy: policies }).route.hash(request, '1.2.3.4');
    };
    expect(hash({ 'x-u': 'me' })).toBe(hash({ 'x-u': 'me', 'x-other': '1' }));
    expect(hash({ 'x-u': 'me' })).not.toBe(hash({ 'x-u': 'you' }));
    expect(hash({})).toBeTypeOf('number');
    const cookie = forward({ hash_policy: [{ cookie: { name: 'u' } }] }).route;
    expect(cookie.hash(requestOf(), '')).toBeUndefined();
    expect(cookie.hash(requestOf({ headers: { cookie: 'a=b; u="1"' } }), '')).toBe(
      cookie.hash(requestOf({ headers: { cookie: 'u=1' } }), ''),
    );
  });

  test.each([
    [{ name: 'u', ttl: '60s', path: '/p' }, '; Max-Age=60; Path=/p; HttpOnly'],
    [{ name: 'u', ttl: '0s' }, '; HttpOnly'],
    [
      { name: 'u', ttl: '1.9s', attributes: [{ name: 'SameSite', value: 'Lax' }, { name: 'Secure' }] },
      '; Max-Age=1; SameSite=Lax; Secure; HttpOnly',
    ],
  ])('a client without the cookie gets one: %j', (cookie, tail) => {
    const { route } = forward({ hash_policy: [{ cookie }] });
    const offered: string[] = [];
    const maker = {
      connectionText: () => '1.2.3.4:5',
      offerCookie: (text: string) => void offered.push(text),
    };
    const hash = route.hash(requestOf(), '', maker);
    const [, value] = /^u="([0-9a-f]{16})"/.exec(offered[0] ?? '') ?? [];
    expect(offered).toEqual([`u="${value}"${tail}`]);
    // The cookie leads where the first request went, and is not set again.
    expect(route.hash(requestOf({ headers: { cookie: `u=${value}` } }), '', maker)).toBe(hash);
    expect(offered).toHaveLength(1);
  });

  test('filter config of the most specific level', () => {
    const config = (value: string) => {
      const any = packAny('google.protobuf.StringValue', { value });
      return { '@type': any.type_url, value };
    };
    const routes = [
      { match: { prefix: '/' }, typed_per_filter_config: { f: config('route') }, route: { cluster: 'c' } },
    ];
    const table = tableOf({
      typed_per_filter_config: { f: config('table'), g: config('table') },
      virtual_hosts: [{ name: 'v', domains: ['*'], typed_per_filter_config: { h: config('host') }, routes }],
    });
    const decision = table.decide(requestOf());
    expect(decision.kind === 'forward' && [...decision.filterConfig]).toEqual([
      ['f', 'f:route'],
      ['g', 'g:table'],
      ['h', 'h:host'],
    ]);
  });

  test('upgrades and CONNECT termination', () => {
    const { upgrades } = forward({
      upgrade_configs: [
        { upgrade_type: 'WebSocket' },
        { upgrade_type: 'CONNECT', connect_config: {}, enabled: false },
      ],
    }).route;
    expect([...upgrades]).toEqual([
      ['websocket', { enabled: true, connectTermination: false }],
      ['connect', { enabled: false, connectTermination: true }],
    ]);
  });
});

describe('refusals name the field', () => {
  const withRoute = (json: object) => ({ virtual_hosts: [{ name: 'v', domains: ['*'], routes: [json] }] });
  const match = { prefix: '/' };
  const cases: [object, string][] = [
    [
      { virtual_hosts: [host('a', 'x'), host('b', 'X')] },
      'virtual_hosts[1].domains[0]: the domain "X" stands twice',
    ],
    [{ virtual_hosts: [host('a', 'a*b')] }, 'virtual_hosts[0].domains[0]: "a*b" is no domain'],
    [
      { virtual_hosts: [host('a', '*'), host('b', '*')] },
      'virtual_hosts[1].domains[0]: the domain "*" stands twice',
    ],
    [{ virtual_hosts: [{ name: 'a' }] }, 'virtual_hosts[0].domains: must not be empty'],
    [{ virtual_hosts: [host('a', 'x'), host('a', 'y')] }, 'virtual_hosts[1].name: "a" stands twice'],
    [withRoute({ route: { cluster: 'c' } }), 'virtual_hosts[0].routes[0].match: is required'],
    [withRoute({ match }), 'virtual_hosts[0].routes[0]: has no action'],
    [withRoute({ match: {}, route: { cluster: 'c' } }), 'virtual_hosts[0].routes[0].match: names no path'],
    [withRoute({ match, route: {} }), 'virtual_hosts[0].routes[0].route: names no cluster'],
    [
      withRoute({ match: { safe_regex: { regex: '(' } }, route: { cluster: 'c' } }),
      'virtual_hosts[0].routes[0].match.safe_regex.regex: invalid regular expression',
    ],
    [
      withRoute({ match, route: { cluster: 'c', priority: 'HIGH' } }),
      'virtual_hosts[0].routes[0].route.priority: is not supported',
    ],
    [
      withRoute({ match, route: { weighted_clusters: { clusters: [{ name: 'a', weight: 0 }] } } }),
      'virtual_hosts[0].routes[0].route.weighted_clusters: the sum of the weights',
    ],
    [
      withRoute({ match, direct_response: { status: 99 } }),
      'virtual_hosts[0].routes[0].direct_response.status: 99',
    ],
    [
      withRoute({ match, direct_response: { status: 200, body: { inline_string: 'x'.repeat(4097) } } }),
      'virtual_hosts[0].routes[0].direct_response.body: has 4097 bytes',
    ],
    [
      withRoute({
        match,
        route: { cluster: 'c' },
        request_headers_to_add: [{ header: { key: ':path', value: 'x' } }],
      }),
      'virtual_hosts[0].routes[0].request_headers_to_add[0].header.key: ":path" may not be changed',
    ],
    [
      withRoute({
        match,
        route: { cluster: 'c' },
        response_headers_to_add: [{ header: { key: 'a', value: '%NO%' } }],
      }),
      'virtual_hosts[0].routes[0].response_headers_to_add[0].header.value: %NO% is not a supported',
    ],
    [
      withRoute({
        match,
        route: { cluster: 'c' },
        request_headers_to_add: [{ header: { key: 'a', value: '5%' } }],
      }),
      'virtual_hosts[0].routes[0].request_headers_to_add[0].header.value: "5%" has a "%"',
    ],
    [{ vhds: {} }, 'vhds: is not supported'],
  ];
  test.each(cases)('%j', (json, message) => expect(() => tableOf(json)).toThrow(message));
});

test('explain tells why routes were passed over', () => {
  const routes = [
    {
      name: 'v2',
      match: { prefix: '/', headers: [{ name: 'end-user', exact_match: 'jason' }] },
      route: { cluster: 'v2' },
    },
    { match: { path: '/x' }, route: { cluster: 'x' } },
    { name: 'rest', match: { prefix: '/' }, route: { cluster: 'v1' } },
  ];
  const { decision, misses } = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes }] }).explain(
    requestOf(),
  );
  expect(show(decision)).toBe('v1');
  expect(misses).toEqual([
    { route: 'v2', reason: 'header end-user does not match' },
    { route: '#1', reason: 'the path is not /x' },
  ]);
});

test('the messages of the types are plain objects too, as a compiler in the same process builds them', () => {
  const plain: envoy_config_route_v3_Route = { match: { prefix: '/' }, route: { cluster: 'c' } };
  const config: envoy_config_route_v3_RouteConfiguration = {
    virtualHosts: [{ name: 'v', domains: ['*'], routes: [plain] }],
  };
  const table = compileRouteTable(config, { decodeFilterConfig: () => undefined });
  expect(show(table.decide(requestOf()))).toBe('c');
});
