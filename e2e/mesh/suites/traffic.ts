import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Figures, ms, share } from '../harness/figures.ts';
import { type LoadAnswer, LoadClient, type LoadResult } from '../harness/load.ts';
import { median } from '../harness/statistics.ts';
import { echoPlan, type WholeMesh } from '../harness/whole-mesh.ts';

const reviews = 'http://reviews:9080/reviews/0';

/** Version of the reviews app that answered. */
function versionOf(answer: LoadAnswer): string {
  return /"podname":"reviews-(v\d)"/.exec(answer.body)?.[1] ?? `status ${answer.status}`;
}

function count(result: LoadResult, of: (answer: LoadAnswer) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const answer of result.answers) counts.set(of(answer), (counts.get(of(answer)) ?? 0) + 1);
  return counts;
}

const virtualService = (name: string, http: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${name}]
  http:
${http.replace(/^/gm, '    ')}
`;

/** Routing, faults, time, retries and limits, seen from the product page's own sidecar. */
export function describeTraffic(get: () => WholeMesh, figures: Figures): void {
  describe('traffic', () => {
    let client: LoadClient;
    beforeAll(async () => {
      await get().run(echoPlan('echo'));
      await get().run(echoPlan('shadow'));
      await get().apply(`${service('echo')}---\n${service('shadow')}`);
      client = get().clientOf('productpage-v1');
    });

    test('without a rule every version of reviews answers', async () => {
      const counts = count(await client.sendMany({ url: reviews }, 300), versionOf);
      expect([...counts.keys()].sort()).toEqual(['v1', 'v2', 'v3']);
    });

    test('all to v1', async () => {
      await get().applyFile('bookinfo/config/reviews-v1-only.yaml');
      const counts = count(await client.sendMany({ url: reviews }, 1000), versionOf);
      figures.add('all to v1', share(counts.get('v1') ?? 0, 1000));
      expect(counts).toEqual(new Map([['v1', 1000]]));
    });

    test('80/20 shift within 3 % over 10 000 requests', async () => {
      await get().apply(
        virtualService(
          'reviews',
          `- route:
    - { destination: { host: reviews, subset: v1 }, weight: 80 }
    - { destination: { host: reviews, subset: v3 }, weight: 20 }`,
        ),
      );
      // v3 asks ratings too; the share is what counts here, so the answer's origin is all that is looked at.
      const counts = count(await client.sendMany({ url: reviews }, 10_000, 32), versionOf);
      figures.add('80/20 shift, v1', share(counts.get('v1') ?? 0, 10_000));
      expect([...counts.keys()].sort()).toEqual(['v1', 'v3']);
      expect(counts.get('v1')! / 10_000).toBeGreaterThan(0.77);
      expect(counts.get('v1')! / 10_000).toBeLessThan(0.83);
    });

    test('header end-user: jason', async () => {
      await get().applyFile('bookinfo/config/reviews-jason-v2.yaml');
      const jason = count(
        await client.sendMany({ url: reviews, headers: { 'end-user': 'jason' } }, 200),
        versionOf,
      );
      const others = count(await client.sendMany({ url: reviews }, 200), versionOf);
      figures.add(
        'end-user jason to v2, others to v1',
        `${jason.get('v2') ?? 0} and ${others.get('v1') ?? 0} of 200`,
      );
      expect(jason).toEqual(new Map([['v2', 200]]));
      expect(others).toEqual(new Map([['v1', 200]]));
    });

    test('a fault delays within 20 ms of what was said', async () => {
      await get().apply(
        virtualService(
          'ratings',
          '- fault: { delay: { fixedDelay: 400ms, percentage: { value: 100 } } }\n  route: [{ destination: { host: ratings } }]',
        ),
      );
      const result = await client.sendMany({ url: 'http://ratings:9080/ratings/0' }, 20, 2);
      await get().remove('virtualservices', 'ratings');
      const plain = await client.sendMany({ url: 'http://ratings:9080/ratings/0' }, 20, 2);
      const added =
        median(result.answers.map((answer) => answer.elapsedMs)) -
        median(plain.answers.map((answer) => answer.elapsedMs));
      figures.add('fault delay of 400 ms', `${ms(added)} added`);
      expect(result.failures).toEqual([]);
      expect(Math.abs(added - 400)).toBeLessThan(20);
    });

    test('a fault aborts by percentage', async () => {
      await get().apply(
        virtualService(
          'ratings',
          '- fault: { abort: { httpStatus: 418, percentage: { value: 25 } } }\n  route: [{ destination: { host: ratings } }]',
        ),
      );
      const { statuses } = await client.sendMany({ url: 'http://ratings:9080/ratings/0' }, 2000);
      await get().remove('virtualservices', 'ratings');
      figures.add('abort 25 %', share(statuses.get(418) ?? 0, 2000));
      expect(new Set(statuses.keys())).toEqual(new Set([200, 418]));
      expect(statuses.get(418)! / 2000).toBeGreaterThan(0.21);
      expect(statuses.get(418)! / 2000).toBeLessThan(0.29);
    });

    test('a timeout answers 504 at the time said', async () => {
      await get().apply(
        virtualService('echo', '- timeout: 500ms\n  route: [{ destination: { host: echo } }]'),
      );
      const answers = await client.sendMany({ url: 'http://echo:9080/?delay=3000' }, 10, 5);
      await get().remove('virtualservices', 'echo');
      const elapsed = median(answers.answers.map((answer) => answer.elapsedMs));
      figures.add('timeout of 500 ms', `504 after ${ms(elapsed)}`);
      expect(answers.statuses).toEqual(new Map([[504, 10]]));
      expect(Math.abs(elapsed - 500)).toBeLessThan(50);
    });

    test('retries: attempts counted', async () => {
      await forget(get(), 'echo');
      await get().apply(
        virtualService(
          'echo',
          '- retries: { attempts: 3, retryOn: 5xx }\n  route: [{ destination: { host: echo } }]',
        ),
      );
      const good = await client.send({ url: 'http://echo:9080/?status=503&times=2&key=a' });
      const afterGood = (await seen(get(), 'echo')).length;
      const bad = await client.send({ url: 'http://echo:9080/?status=503&key=b' });
      const afterBad = (await seen(get(), 'echo')).length - afterGood;
      await get().remove('virtualservices', 'echo');
      figures.add('retries: 3', `answered after ${afterGood} attempts; gave up after ${afterBad}`);
      expect([good.status, afterGood]).toEqual([200, 3]);
      expect([bad.status, afterBad]).toEqual([503, 4]);
    });

    test('circuit breaking: 503 with flag UO, counted', async () => {
      await get().apply(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo }
spec:
  host: echo
  trafficPolicy:
    connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, http2MaxRequests: 100 } }
`);
      const statistic =
        'envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="outbound|9080||echo.default.svc.cluster.local"}';
      const before = await get().statistic('productpage-v1', statistic);
      const result = await client.sendMany({ url: 'http://echo:9080/?delay=200' }, 20, 10);
      const overflowed = (await get().statistic('productpage-v1', statistic)) - before;
      await get().remove('destinationrules', 'echo');
      const refused = result.answers.filter((answer) => answer.status === 503);
      figures.add(
        'circuit breaking, 503 UO',
        `${refused.length} of 20 refused, ${overflowed} overflows counted`,
      );
      expect(refused.length).toBeGreaterThan(0);
      expect(result.statuses.get(200)).toBeGreaterThan(0);
      expect(refused.every((answer) => answer.headers['x-envoy-overloaded'] === 'true')).toBe(true);
      expect(overflowed).toBeGreaterThanOrEqual(refused.length);
    });

    test('mirroring: copies counted, -shadow host, answer ignored', async () => {
      await forget(get(), 'shadow');
      await get().apply(
        virtualService('echo', '- route: [{ destination: { host: echo } }]\n  mirror: { host: shadow }'),
      );
      const result = await client.sendMany({ url: 'http://echo:9080/mirrored' }, 50);
      const copies = await until(
        () => seen(get(), 'shadow'),
        (list) => list.length >= 50,
      );
      await get().remove('virtualservices', 'echo');
      const shadows = copies.filter((copy) => String(copy.headers.host).includes('-shadow'));
      figures.add('mirroring', `${copies.length} copies of 50, ${shadows.length} with a -shadow host`);
      expect(result.answers.every((answer) => answer.body.includes('"name":"echo"'))).toBe(true);
      expect([copies.length, shadows.length]).toEqual([50, 50]);
    });

    test('redirect and rewrite', async () => {
      await get().apply(
        virtualService(
          'echo',
          `- match: [{ uri: { prefix: /old } }]
  redirect: { uri: /new, authority: elsewhere.example, redirectCode: 302 }
- match: [{ uri: { prefix: /api/ } }]
  rewrite: { uri: /v2/, authority: inside.example }
  route: [{ destination: { host: echo } }]
- route: [{ destination: { host: echo } }]`,
        ),
      );
      const redirected = await client.send({ url: 'http://echo:9080/old/book' });
      const rewritten = JSON.parse((await client.send({ url: 'http://echo:9080/api/books?a=1' })).body);
      await get().remove('virtualservices', 'echo');
      figures.add(
        'redirect, rewrite',
        `${redirected.status} to ${redirected.headers.location}; ${rewritten.path} at ${rewritten.headers.host}`,
      );
      expect([redirected.status, redirected.headers.location]).toEqual([302, 'http://elsewhere.example/new']);
      expect([rewritten.path, rewritten.headers.host]).toEqual(['/v2/books?a=1', 'inside.example']);
    });

    describe('outside the mesh', () => {
      const outside = createServer((_request, response) => response.end('outside'));
      beforeAll(() => new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', () => resolve())));
      afterAll(() => new Promise<void>((resolve) => void outside.close(() => resolve())));

      test('a ServiceEntry names an outside service', async () => {
        const { port } = outside.address() as AddressInfo;
        await get().apply(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside }
spec:
  hosts: [books.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} } }]
`);
        const answer = await client.send({ url: 'http://books.example.com/' });
        await get().remove('serviceentries', 'outside');
        figures.add('ServiceEntry to an outside service', `${answer.status} "${answer.body}"`);
        expect([answer.status, answer.body]).toEqual([200, 'outside']);
      });

      test('an unknown host passes under ALLOW_ANY, and never loops', async () => {
        const { port } = outside.address() as AddressInfo;
        const answer = await client.send({ url: `http://127.0.0.1:${port}/` });
        expect([answer.status, answer.body]).toEqual([200, 'outside']);
        const workload = get().workloads.get('productpage-v1')!;
        const looped = await client.send({ url: `http://127.0.0.1:${workload.ports.httpProxy}/` });
        expect(looped.status).toBeGreaterThanOrEqual(400);
      });
    });

    test('Gateway and VirtualService at the edge', async () => {
      const gateway = get().mesh.file.gateway!;
      const page = await fetch(`${gateway}/productpage`);
      const body = await page.text();
      const unknown = await fetch(`${gateway}/not-routed`);
      await unknown.arrayBuffer();
      figures.add('gateway', `/productpage ${page.status}, /not-routed ${unknown.status}`);
      expect([page.status, unknown.status]).toEqual([200, 404]);
      expect(body).toContain('Reviews served by: reviews-v');
    });

    test('a route to an unknown subset is 503 NC when it is hit', async () => {
      const { applied } = await get().apply(
        virtualService('echo', '- route: [{ destination: { host: echo, subset: nowhere } }]'),
      );
      const answer = await client.send({ url: 'http://echo:9080/' });
      await get().remove('virtualservices', 'echo');
      expect(answer.status).toBe(503);
      expect(JSON.stringify(applied.results)).toMatch(/subset/);
    });

    test('only the workload itself may use its proxy', async () => {
      const { ports } = get().workloads.get('productpage-v1')!;
      const stranger = new LoadClient(`http://127.0.0.1:${ports.httpProxy}`);
      const guesser = new LoadClient(`http://app:guess@127.0.0.1:${ports.httpProxy}`);
      const answers = [stranger, guesser].map((one) => one.send({ url: 'http://ratings:9080/ratings/0' }));
      const statuses = (await Promise.all(answers)).map((answer) => answer.status);
      stranger.close();
      guesser.close();
      expect(statuses).toEqual([407, 407]);
    });
  });
}

/** A Service on port 9080 that selects `app: name`. */
export function service(name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  ports: [{ port: 9080, name: http }]
  selector: { app: ${name} }
`;
}

interface SeenRequest {
  readonly path: string;
  readonly headers: Record<string, unknown>;
}

function appUrl(mesh: WholeMesh, name: string): string {
  return `http://127.0.0.1:${mesh.workloads.get(name)?.ports.inbound[0]?.appPort}`;
}

async function seen(mesh: WholeMesh, name: string): Promise<readonly SeenRequest[]> {
  const response = await fetch(`${appUrl(mesh, name)}/seen`);
  return (await response.json()) as SeenRequest[];
}

async function forget(mesh: WholeMesh, name: string): Promise<void> {
  await (await fetch(`${appUrl(mesh, name)}/forget`, { method: 'POST' })).arrayBuffer();
}

/** Asks until the answer is accepted, at most five seconds; the last answer in any case. */
async function until<T>(ask: () => Promise<T>, accept: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const answer = await ask();
    if (accept(answer) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
