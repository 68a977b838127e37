import { attribute, decompressAttributes, MutableBag } from '@lateen/attributes';
import {
  durationOf,
  enumOf,
  type istio_mixer_v1_CheckRequest,
  type istio_mixer_v1_CheckResponse,
  type istio_mixer_v1_config_client_HttpClientConfig,
  type istio_mixer_v1_config_client_ServiceConfig,
  type istio_mixer_v1_ReportRequest,
  packAny,
} from '@lateen/protos';
import {
  createRpcServer,
  insecureChannel,
  insecureServer,
  methods,
  RpcClient,
  RpcError,
  RpcServices,
  rpcStatus,
} from '@lateen/rpc';
import { ManualClock, MetricsRegistry, silentLogger, systemClock } from '@lateen/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMixerClient, type MixerClient } from './client.ts';
import { addRequestAttributes, forwardedAttributesHeader } from './http-attributes.ts';
import { addCheckAttributes, type CheckOutcome } from './outcome.ts';

const { FAIL_OPEN, FAIL_CLOSE } = enumOf('istio.mixer.v1.config.client.NetworkFailPolicy.FailPolicy');
const { EXACT } = enumOf('istio.mixer.v1.ReferencedAttributes.Condition');

let server: ReturnType<typeof createRpcServer>;
let channel: RpcClient;
let checks: istio_mixer_v1_CheckRequest[];
let reports: istio_mixer_v1_ReportRequest[];
let answer: (request: istio_mixer_v1_CheckRequest) => istio_mixer_v1_CheckResponse;

beforeEach(async () => {
  checks = [];
  reports = [];
  answer = () => ({ precondition: {} });
  const services = new RpcServices(silentLogger)
    .unary(methods.mixerCheck, (request) => {
      checks.push(request);
      return answer(request);
    })
    .unary(methods.mixerReport, (request) => {
      reports.push(request);
      return {};
    });
  server = createRpcServer({ name: 'mock', address: '127.0.0.1:0', credentials: insecureServer(), services });
  await server.start();
  channel = new RpcClient(`127.0.0.1:${server.port}`, insecureChannel());
});

afterEach(async () => {
  channel.close();
  await server.stop();
});

function client(
  config: istio_mixer_v1_config_client_HttpClientConfig = {},
  clock = systemClock,
): MixerClient {
  return createMixerClient({
    client: channel,
    config,
    clock,
    random: () => 0.5,
    metrics: new MetricsRegistry(),
    logger: silentLogger,
  });
}

function request(
  mixer: MixerClient,
  service?: istio_mixer_v1_config_client_ServiceConfig,
  header?: string,
): MutableBag {
  const bag = mixer.requestBag(service, header);
  addRequestAttributes(bag, {
    headers: [
      ['user-agent', 'test'],
      [forwardedAttributesHeader, 'secret'],
    ],
    method: 'GET',
    path: '/reviews/1?a=b&a=c&d',
    authority: 'reviews',
    mutualTls: true,
    peerPrincipal: 'spiffe://cluster.local/ns/default/sa/productpage',
    timeMs: 1000,
  });
  return bag;
}

const refusal = (code: number, message: string): istio_mixer_v1_CheckResponse => ({
  precondition: { status: { code, message }, validDuration: durationOf(5000), validUseCount: 100 },
});

describe('what a request says', () => {
  test('static attributes, then forwarded ones, then what the connection proves', () => {
    const caller = client({
      forwardAttributes: {
        attributes: {
          'source.uid': { stringValue: 'kubernetes://a.default' },
          'source.namespace': { stringValue: 'forged' },
        },
      },
    });
    const header = caller.forwardedHeader(undefined);
    const called = client({
      mixerAttributes: { attributes: { 'context.reporter.kind': { stringValue: 'inbound' } } },
    });
    const service = { mixerAttributes: { attributes: { 'source.uid': { stringValue: 'overridden' } } } };
    const bag = request(called, service, header);
    const texts = [
      'context.reporter.kind',
      'source.uid',
      'source.namespace',
      'source.principal',
      'request.url_path',
    ];
    expect(texts.map((name) => bag.get(name)?.value)).toEqual([
      'inbound',
      'kubernetes://a.default',
      'default',
      'cluster.local/ns/default/sa/productpage',
      '/reviews/1',
    ]);
    const query = bag.get('request.query_params');
    expect(query?.kind === 'stringMap' && [...query.value.entries()]).toEqual([
      ['a', 'b'],
      ['d', ''],
    ]);
    const headers = bag.get('request.headers');
    expect(headers?.kind === 'stringMap' && headers.value.get(forwardedAttributesHeader)).toBeUndefined();
  });

  test.each(['not base64 at all!', 'AAAA', 'x'.repeat(20_000)])(
    'an unreadable header counts as absent',
    (header) => {
      const bag = client().requestBag(undefined, header);
      expect([...bag.entries()]).toEqual([]);
    },
  );

  test('a gateway ignores what callers forward', () => {
    const header = client({ forwardAttributes: { attributes: { a: { stringValue: 'b' } } } }).forwardedHeader(
      undefined,
    );
    expect(
      client({ ignoreForwardedAttributes: true }).requestBag(undefined, header).get('a'),
    ).toBeUndefined();
  });
});

describe('a check', () => {
  test('is answered from the cache for requests that agree in what the answer depends on', async () => {
    answer = () => ({
      precondition: {
        ...refusal(rpcStatus.PERMISSION_DENIED, 'nope.denier.default:Not allowed').precondition,
        referencedAttributes: { attributeMatches: [{ name: 19, condition: EXACT }] },
      },
    });
    const mixer = client();
    const bag = request(mixer);
    const first = await mixer.check(bag, undefined);
    expect(first).toEqual({
      kind: 'denied',
      checkCacheHit: false,
      quotaCacheHit: false,
      httpStatus: 403,
      body: 'PERMISSION_DENIED:nope.denier.default:Not allowed',
      headers: [],
      code: 7,
      message: 'nope.denier.default:Not allowed',
      reason: 'policy',
    });
    const again = request(mixer).set('request.path', attribute.string('/other'));
    const second = mixer.check(again, undefined);
    expect(second).toEqual({ ...first, checkCacheHit: true });
    await mixer.check(request(mixer).set('request.method', attribute.string('POST')), undefined);
    expect(checks).toHaveLength(2);
    addCheckAttributes(again, second as CheckOutcome);
    expect(again.get('check.error_code')?.value).toBe(7);
    expect(again.get('check.cache_hit')?.value).toBe(true);
  });

  test('carries attributes, the word count and an id', async () => {
    const mixer = client();
    await mixer.check(request(mixer), undefined);
    const [sent] = checks;
    expect(sent?.globalWordCount).toBe(222);
    expect(sent?.deduplicationId).toMatch(/^[0-9a-f-]{36}$/);
    const decoded = decompressAttributes(sent?.attributes ?? {});
    expect('bag' in decoded && decoded.bag.get('request.host')?.value).toBe('reviews');
  });

  test.each([
    [rpcStatus.UNAUTHENTICATED, 401],
    [rpcStatus.RESOURCE_EXHAUSTED, 429],
    [rpcStatus.NOT_FOUND, 404],
    [rpcStatus.UNAVAILABLE, 503],
    [1234, 500],
  ])('refused with code %i answers HTTP %i', async (code, httpStatus) => {
    answer = () => refusal(code, 'why');
    const mixer = client();
    expect(await mixer.check(request(mixer), undefined)).toMatchObject({ kind: 'denied', code, httpStatus });
  });

  test('honours the HTTP response that a handler attached', async () => {
    const details = [
      packAny('istio.policy.v1beta1.DirectHttpResponse', {
        code: 302,
        body: 'gone',
        headers: { Location: '/x' },
      }),
    ];
    answer = () => ({ precondition: { status: { code: 7, message: 'm', details } } });
    const mixer = client();
    expect(await mixer.check(request(mixer), undefined)).toMatchObject({
      httpStatus: 302,
      body: 'gone',
      headers: [['location', '/x']],
    });
  });

  test('passes header operations on', async () => {
    answer = () => ({
      precondition: {
        routeDirective: {
          requestHeaderOperations: [{ name: 'X-User', value: 'me' }],
          responseHeaderOperations: [{ name: 'server', operation: 1 }],
        },
      },
    });
    const mixer = client();
    expect(await mixer.check(request(mixer), undefined)).toMatchObject({
      kind: 'allowed',
      requestHeaderOperations: [{ name: 'x-user', value: 'me', operation: 'replace' }],
      responseHeaderOperations: [{ name: 'server', value: '', operation: 'remove' }],
    });
  });
});

describe('when mixer gives no answer that counts', () => {
  const failing: [string, () => istio_mixer_v1_CheckResponse, number][] = [
    [
      'it cannot be reached',
      () => {
        throw new RpcError(rpcStatus.UNAVAILABLE, 'gone');
      },
      503,
    ],
    ['it failed itself', () => refusal(rpcStatus.INTERNAL, ''), 500],
    ['it forgot the precondition', () => ({}), 400],
  ];
  test.each(failing)('%s: the fail policy decides', async (_what, fail, httpStatus) => {
    answer = fail;
    const open = client({ transport: { networkFailPolicy: { policy: FAIL_OPEN } } });
    expect((await open.check(request(open), undefined)).kind).toBe('allowed');
    const closed = client({ transport: { networkFailPolicy: { policy: FAIL_CLOSE } } });
    expect(await closed.check(request(closed), undefined)).toMatchObject({
      kind: 'denied',
      httpStatus,
      reason: 'unreachable',
    });
    const unsaid = client();
    expect((await unsaid.check(request(unsaid), undefined)).kind).toBe('denied');
  });

  test('no channel is as bad as a broken one', async () => {
    const mixer = createMixerClient({
      client: () => undefined,
      config: {},
      clock: systemClock,
      random: () => 0.5,
      metrics: new MetricsRegistry(),
      logger: silentLogger,
    });
    expect(await mixer.check(request(mixer), undefined)).toMatchObject({
      reason: 'unreachable',
      httpStatus: 503,
    });
  });

  test('retries are as many as the policy allows and carry one id', async () => {
    let left = 2;
    answer = () => {
      if (left-- > 0) throw new RpcError(rpcStatus.UNAVAILABLE, 'not yet');
      return { precondition: {} };
    };
    const mixer = client({
      transport: {
        networkFailPolicy: {
          policy: FAIL_CLOSE,
          maxRetry: 2,
          baseRetryWait: durationOf(1),
          maxRetryWait: durationOf(2),
        },
      },
    });
    expect((await mixer.check(request(mixer), undefined)).kind).toBe('allowed');
    expect(checks).toHaveLength(3);
    expect(new Set(checks.map(({ deduplicationId }) => deduplicationId)).size).toBe(1);
  });

  test('a server that refuses the dictionary gets the words of the first release', async () => {
    answer = ({ globalWordCount = 0 }) => {
      if (globalWordCount > 111) {
        throw new RpcError(
          rpcStatus.INVALID_ARGUMENT,
          'Request could not be processed due to invalid attributes.',
        );
      }
      return { precondition: {} };
    };
    const mixer = client();
    expect((await mixer.check(request(mixer), undefined)).kind).toBe('allowed');
    expect(checks.map(({ globalWordCount }) => globalWordCount)).toEqual([222, 111]);
  });
});

test('quotas are asked for with the check, and refused ones are named', async () => {
  answer = ({ quotas = {} }) => ({
    precondition: { validDuration: durationOf(60_000), validUseCount: 100 },
    quotas: Object.fromEntries(
      Object.keys(quotas).map((name) => [
        name,
        { grantedAmount: checks.length <= 2 ? quotas[name]!.amount : 0 },
      ]),
    ),
  });
  const service = { quotaSpec: [{ rules: [{ quotas: [{ quota: 'requestcount', charge: 2 }] }] }] };
  const mixer = client();
  const ask = async () => mixer.check(request(mixer), service);
  expect(await ask()).toMatchObject({ kind: 'allowed', checkCacheHit: false });
  expect(await ask()).toMatchObject({ kind: 'allowed', checkCacheHit: true });
  expect(await ask()).toMatchObject({
    kind: 'denied',
    httpStatus: 429,
    body: 'RESOURCE_EXHAUSTED:Quota is exhausted for: requestcount',
    reason: 'quota',
  });
  expect(checks[0]?.quotas?.requestcount).toMatchObject({ amount: 2, bestEffort: false });
});

describe('reports', () => {
  const record = (path: string): MutableBag => new MutableBag().set('request.path', attribute.string(path));
  const paths = (report: istio_mixer_v1_ReportRequest): unknown[] =>
    (report.attributes ?? []).map((each) => {
      const decoded = decompressAttributes(each, { defaultWords: report.defaultWords ?? [] });
      return 'bag' in decoded ? decoded.bag.get('request.path')?.value : decoded.complaint;
    });

  test('go out in batches of one dictionary, a full one at once and the rest when stopped', async () => {
    const mixer = client({ transport: { reportBatchMaxEntries: 2 } });
    for (const path of ['/a', '/b', '/c']) mixer.report(record(path));
    await mixer.stop();
    expect(reports.map(paths)).toEqual([['/a', '/b'], ['/c']]);
    expect(reports[0]).toMatchObject({ globalWordCount: 222, repeatedAttributesSemantics: 1 });
  });

  test('a batch that is not full leaves a second after its first record', async () => {
    const clock = new ManualClock(0);
    const mixer = client({}, clock);
    mixer.report(record('/a'));
    clock.advance(900);
    mixer.report(record('/b'));
    clock.advance(99);
    const before = reports.length;
    clock.advance(1);
    await mixer.stop();
    expect(before).toBe(0);
    expect(reports.map(paths)).toEqual([['/a', '/b']]);
  });

  test('an unreachable mixer costs records, never memory or an error', async () => {
    await server.stop();
    const metrics = new MetricsRegistry();
    const options = {
      client: channel,
      config: {},
      clock: systemClock,
      random: () => 0.5,
      metrics,
      logger: silentLogger,
    };
    const mixer = createMixerClient({ ...options, timeoutMs: 200 });
    for (let count = 0; count < 150; count += 1) mixer.report(record(`/${count}`));
    await mixer.stop();
    expect(metrics.text()).toContain('total_dropped_reports 150');
  });
});
