import { join } from 'node:path';
import type {
  istio_mixer_v1_CheckResponse as CheckResponse,
  istio_mixer_v1_ReportRequest as ReportRequest,
} from '@lateen/protos';
import {
  createRpcServer,
  insecureChannel,
  insecureServer,
  methods,
  RpcClient,
  RpcServices,
} from '@lateen/rpc';
import { silentLogger } from '@lateen/runtime';
import { createHttpOrigin, createTemporaryFolder } from '@lateen/testing';
import { expect, test } from 'vitest';
import { exchange, fixedCluster, startProxy } from '../http/proxy-fixture.ts';

const config = 'istio.mixer.v1.config.client.HttpClientConfig';
const request = 'GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const forever = { validDuration: { seconds: 60, nanos: 0 }, validUseCount: 1000 };

/** Mixer that answers as told, a proxy in front of an origin, and one request through it. */
async function run(
  answer: (() => CheckResponse) | 'absent',
  filter: Readonly<Record<string, unknown>>,
  requests = 1,
): Promise<{
  text: string;
  checks: number;
  reports: number;
  seen: number;
  log: readonly string[];
  header: string | undefined;
}> {
  using folder = createTemporaryFolder();
  await using origin = await createHttpOrigin((_request, response) => void response.end('app'));
  let checks = 0;
  let reports = 0;
  let reported: () => void = () => {};
  const firstReport = new Promise<void>((resolve) => void (reported = resolve));
  const services = new RpcServices(silentLogger)
    .unary(methods.mixerCheck, () => {
      checks += 1;
      return answer === 'absent' ? {} : answer();
    })
    .unary(methods.mixerReport, (report: ReportRequest) => {
      reports += report.attributes?.length ?? 0;
      reported();
      return {};
    });
  const address = `unix:${join(folder.path, 'mixer')}`;
  const server = createRpcServer({ name: 'mixer', address, credentials: insecureServer(), services });
  await server.start();
  const client = new RpcClient(address, insecureChannel());
  const proxy = await startProxy({
    clusters: [fixedCluster('origin', [origin.port])],
    filters: [
      [
        'mixer',
        config,
        {
          transport: {
            checkCluster: 'mixer',
            reportCluster: 'mixer',
            reportBatchMaxEntries: requests,
            ...(filter.transport as object),
          },
          ...(filter.rest as object),
        },
      ],
    ],
    rpc: (cluster) => (cluster === 'mixer' && answer !== 'absent' ? client : undefined),
  });
  let text = '';
  for (let count = 0; count < requests; count += 1) text = await exchange(proxy.port, request);
  if (filter.reports) await firstReport;
  const { log } = proxy;
  const header = origin.seen[0]?.headers['x-mixed'] as string | undefined;
  proxy.close();
  client.close();
  await server.stop();
  return { text, checks, reports, seen: origin.seen.length, log: [...log], header };
}

const checkOnly = {
  rest: { defaultDestinationService: 'a', serviceConfigs: { a: { disableReportCalls: true } } },
};

test('allowed: forwarded, the answer is cached', async () => {
  const { text, checks, seen } = await run(
    () => ({ precondition: { status: { code: 0 }, ...forever } }),
    checkOnly,
    3,
  );
  expect([text.slice(9, 12), checks, seen]).toEqual(['200', 1, 3]);
});

test("denied: 403 with the handler's message, the app sees nothing", async () => {
  const { text, seen, log } = await run(
    () => ({ precondition: { status: { code: 7, message: 'denier:Not allowed' }, ...forever } }),
    checkOnly,
  );
  expect(text).toMatch(/^HTTP\/1\.1 403 [^]*PERMISSION_DENIED:denier:Not allowed$/);
  expect(seen).toBe(0);
  expect(log[0]).toContain('403 UAEX mixer_denied_policy');
});

test('quota used up: 429', async () => {
  const rest = {
    defaultDestinationService: 'a',
    serviceConfigs: {
      a: {
        disableReportCalls: true,
        quotaSpec: [{ rules: [{ quotas: [{ quota: 'requests', charge: 1 }] }] }],
      },
    },
  };
  const { text, log } = await run(
    () => ({
      precondition: { status: { code: 0 }, ...forever },
      quotas: { requests: { grantedAmount: 0, validDuration: { seconds: 1, nanos: 0 } } },
    }),
    { rest },
  );
  expect(text.slice(9, 12)).toBe('429');
  expect(log[0]).toContain('429 RL mixer_denied_quota');
});

test('no mixer: closed by default, open where the policy says so', async () => {
  const open = { ...checkOnly, transport: { networkFailPolicy: { policy: 'FAIL_OPEN' } } };
  const closed = { ...checkOnly, transport: { networkFailPolicy: { policy: 'FAIL_CLOSE' } } };
  expect((await run('absent', closed)).text.slice(9, 12)).toBe('503');
  expect((await run('absent', open)).text.slice(9, 12)).toBe('200');
});

test('reports come after the stream, denied ones too', async () => {
  const rest = { defaultDestinationService: 'a', serviceConfigs: { a: {} } };
  const { reports } = await run(
    () => ({ precondition: { status: { code: 7 }, ...forever } }),
    { rest, reports: true },
    2,
  );
  expect(reports).toBe(2);
});

test('header operations of the check reach the app', async () => {
  const routeDirective = {
    requestHeaderOperations: [{ name: 'x-mixed', value: 'in', operation: 0 }],
    responseHeaderOperations: [{ name: 'x-back', value: 'out', operation: 0 }],
  };
  const { header, text } = await run(
    () => ({ precondition: { status: { code: 0 }, ...forever, routeDirective } }),
    checkOnly,
  );
  expect(header).toBe('in');
  expect(text).toMatch(/\r\nx-back: out\r\n/);
});
