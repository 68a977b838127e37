import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Figures, ms, share } from './harness/figures.ts';
import { type LoadAnswer, LoadClient, type LoadResult } from './harness/load.ts';
import { bringUp, type WholeMesh } from './harness/whole-mesh.ts';

const corpus = join(
  process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../shared/corpora'),
  'bookinfo',
);

if (existsSync(corpus)) {
  describe('Istio’s own Bookinfo files', describeSamples);
} else {
  test('Istio’s own Bookinfo files', ({ skip }) =>
    skip(`not there: ${corpus}; LATEEN_CORPORA names the folder of the corpora`));
}

const plurals: Readonly<Record<string, string>> = {
  VirtualService: 'virtualservices',
  ServiceEntry: 'serviceentries',
  DestinationRule: 'destinationrules',
  rule: 'rules',
  handler: 'handlers',
  instance: 'instances',
  QuotaSpec: 'quotaspecs',
  QuotaSpecBinding: 'quotaspecbindings',
};

function describeSamples(): void {
  const figures = new Figures('Istio’s own files');
  let mesh: WholeMesh;
  /** Speaks as productpage does, through its sidecar. */
  let client: LoadClient;
  const edge = new LoadClient();
  let applied = 0;

  beforeAll(async () => {
    mesh = await bringUp('embedded');
    await mesh.runBookinfo();
    client = mesh.clientOf('productpage-v1');
    // Ours are replaced by Istio's in what follows; the gateway keeps its port.
    await mesh.remove('destinationrules', 'reviews');
  }, 90_000);
  afterAll(async () => {
    figures.add('files applied unmodified', String(applied));
    figures.print();
    edge.close();
    await mesh?.stop();
  }, 60_000);

  type Results = Awaited<ReturnType<WholeMesh['apply']>>['applied']['results'];

  async function apply(file: string): Promise<Results> {
    const { applied: answer } = await mesh.apply(readFileSync(join(corpus, file), 'utf8'));
    applied += 1;
    return answer.results;
  }

  const networking = (name: string): Promise<Results> => apply(`head/bookinfo/networking/${name}.yaml`);
  const policy = (name: string): Promise<Results> => apply(`v1.4.10/bookinfo/policy/${name}.yaml`);

  async function remove(results: Results): Promise<void> {
    // Users of an object go before it: rules, then what they name.
    for (const { kind, name, namespace } of [...results].reverse())
      await mesh.remove(plurals[kind] ?? '', name, namespace);
  }

  const asJason = { 'end-user': 'jason' };
  const reviews = (count: number, headers = {}): Promise<LoadResult> =>
    client.sendMany({ url: 'http://reviews:9080/reviews/0', headers }, count);
  const ratings = (headers = {}): Promise<LoadAnswer> =>
    client.send({ url: 'http://ratings:9080/ratings/0', headers });

  /** How often each version of reviews answered. */
  function versions(result: LoadResult): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { body, status } of result.answers) {
      const version = /"podname":"reviews-(v\d)"/.exec(body)?.[1] ?? `status ${status}`;
      counts[version] = (counts[version] ?? 0) + 1;
    }
    return counts;
  }

  test('platform/kube/bookinfo.yaml: Services are taken, Deployments skipped with a notice', async () => {
    const results = await apply('head/bookinfo/platform/kube/bookinfo.yaml');
    const taken = results.filter(({ action }) => action !== 'skipped').map(({ kind }) => kind);
    const skipped = results.filter(({ action }) => action === 'skipped');
    figures.add(
      'platform/kube/bookinfo.yaml',
      `${taken.length} Services taken, ${skipped.length} other objects skipped`,
    );
    expect(taken).toEqual(['Service', 'Service', 'Service', 'Service']);
    expect(skipped.filter(({ kind }) => kind === 'Deployment').length).toBe(6);
    for (const { warnings } of skipped) expect(JSON.stringify(warnings)).toMatch(/no kind of the mesh/);
    expect((await reviews(20)).failures).toEqual([]);
  });

  test('virtual-service-all-v1', async () => {
    await networking('destination-rule-all');
    await networking('virtual-service-all-v1');
    const counts = versions(await reviews(200));
    figures.add('virtual-service-all-v1', share(counts.v1 ?? 0, 200));
    expect(counts).toEqual({ v1: 200 });
  });

  test('virtual-service-reviews-test-v2', async () => {
    await networking('virtual-service-reviews-test-v2');
    const [jason, others] = [versions(await reviews(100, asJason)), versions(await reviews(100))];
    figures.add(
      'virtual-service-reviews-test-v2',
      `jason v2 ${jason.v2 ?? 0}, others v1 ${others.v1 ?? 0} of 100`,
    );
    expect([jason, others]).toEqual([{ v2: 100 }, { v1: 100 }]);
  });

  // With 3000 requests five standard deviations are 4.6 % at an even split, 2.7 % at 90/10, 3.7 % at 80/20.
  test.each([
    ['virtual-service-reviews-50-v3', { v1: 50, v3: 50 }],
    ['virtual-service-reviews-90-10', { v1: 90, v2: 10 }],
    ['virtual-service-reviews-80-20', { v1: 80, v2: 20 }],
    ['virtual-service-reviews-v2-v3', { v2: 50, v3: 50 }],
    ['virtual-service-reviews-v3', { v3: 100 }],
  ])('%s', async (file, expected: Record<string, number>) => {
    await networking(file);
    const counts = versions(await reviews(3000));
    figures.add(
      file,
      Object.keys(expected)
        .map((version) => `${version} ${share(counts[version] ?? 0, 3000)}`)
        .join(', '),
    );
    expect(Object.keys(counts).toSorted()).toEqual(Object.keys(expected));
    for (const [version, percent] of Object.entries(expected))
      expect(Math.abs((counts[version] ?? 0) / 30 - percent)).toBeLessThan(4.6);
  });

  test('virtual-service-ratings-test-delay: 7 s for jason alone', async () => {
    await networking('virtual-service-ratings-test-delay');
    const [jason, other] = await Promise.all([ratings(asJason), ratings()]);
    figures.add(
      'virtual-service-ratings-test-delay',
      `jason ${ms(jason.elapsedMs)}, others ${ms(other.elapsedMs)}`,
    );
    expect([jason.status, other.status]).toEqual([200, 200]);
    expect(Math.abs(jason.elapsedMs - 7000)).toBeLessThan(200);
    expect(other.elapsedMs).toBeLessThan(1000);
  });

  test('virtual-service-ratings-test-abort: 500 for jason alone, and the page says so', async () => {
    await networking('virtual-service-ratings-test-abort');
    const [jason, other] = await Promise.all([ratings(asJason), ratings()]);
    figures.add('virtual-service-ratings-test-abort', `jason ${jason.status}, others ${other.status}`);
    await networking('virtual-service-reviews-test-v2');
    const page = await edge.send({
      url: `${mesh.mesh.file.gateway}/productpage`,
      headers: { cookie: 'user=jason' },
    });
    expect([jason.status, other.status, page.status]).toEqual([500, 200, 200]);
    expect(page.body).toContain('Ratings service is currently unavailable');
    await networking('virtual-service-all-v1');
  });

  test('virtual-service-details-v2: nothing of v2 runs yet', async () => {
    await networking('virtual-service-details-v2');
    const without = await client.send({ url: 'http://details:9080/details/0' });
    const page = await edge.send({ url: `${mesh.mesh.file.gateway}/productpage` });
    figures.add('virtual-service-details-v2', `${without.status} ${without.body}`);
    expect(without.status).toBe(503);
    expect(page.status).toBe(200);
    expect(page.body).toContain('product details are currently unavailable');
    await networking('virtual-service-all-v1');
  });

  test('fault-injection-details-v1: 555 for everybody', async () => {
    await networking('fault-injection-details-v1');
    const answer = await client.send({ url: 'http://details:9080/details/0' });
    figures.add('fault-injection-details-v1', String(answer.status));
    expect(answer.status).toBe(555);
    await networking('destination-rule-all');
    await networking('virtual-service-all-v1');
    expect((await client.send({ url: 'http://details:9080/details/0' })).status).toBe(200);
  });

  test('egress-rule-google-apis is accepted', async () => {
    const results = await networking('egress-rule-google-apis');
    expect(results.map(({ action }) => action)).toEqual(['created', 'created', 'created']);
    await remove(results);
  });

  test('bookinfo-gateway: its five paths and no other', async () => {
    const { gateway } = mesh.mesh.file;
    // Istio's gateway takes 8080 here; its Service says which port of this machine that is.
    await mesh.apply(`apiVersion: v1
kind: Service
metadata:
  name: istio-ingressgateway
  namespace: istio-system
  labels: { app: istio-ingressgateway, istio: ingressgateway }
spec:
  selector: { app: istio-ingressgateway, istio: ingressgateway }
  ports: [{ name: http2, port: 8080, targetPort: ${new URL(gateway ?? '').port} }]
`);
    await networking('bookinfo-gateway');
    const paths = [
      '/productpage',
      '/static/none',
      '/login',
      '/logout',
      '/api/v1/products',
      '/',
      '/details/0',
    ];
    const statuses = await Promise.all(
      paths.map(async (path) => (await edge.send({ url: `${gateway}${path}` })).status),
    );
    figures.add('bookinfo-gateway', paths.map((path, index) => `${path} ${statuses[index]}`).join(', '));
    expect([statuses[0], statuses[3], statuses[4]]).toEqual([200, 302, 200]);
    // Not this product page's own paths or methods: it answers itself, so the route was taken.
    expect(await served(`${gateway}/static/none`)).toBe(true);
    expect(await served(`${gateway}/details/0`)).toBe(false);
    expect([statuses[5], statuses[6]]).toEqual([404, 404]);
  });

  /** Did an app answer, and not the gateway for lack of a route? */
  async function served(url: string): Promise<boolean> {
    const { headers } = await edge.send({ url });
    return headers['x-envoy-upstream-service-time'] !== undefined;
  }

  test('mixer-rule-ratings-denial: john is refused', async () => {
    const results = await policy('mixer-rule-ratings-denial');
    const [john, other] = [await ratings({ 'x-user': 'john' }), await ratings()];
    await remove(results);
    figures.add('mixer-rule-ratings-denial', `john ${john.status} "${john.body}", others ${other.status}`);
    expect([john.status, other.status]).toEqual([403, 200]);
    expect(john.body).toContain('denierhandler.denier.istio-system:Not allowed');
  });

  test.each(['mixer-rule-deny-label', 'mixer-rule-deny-label-crd'])(
    '%s: reviews v3 gets no ratings, v2 does',
    async (file) => {
      const results = await policy(file);
      await networking('virtual-service-reviews-v2-v3');
      const answers = (await reviews(60)).answers;
      const told = (version: string): LoadAnswer[] =>
        answers.filter(({ body }) => body.includes(`"podname":"reviews-${version}"`));
      const rated = (list: readonly LoadAnswer[]): number =>
        list.filter(({ body }) => body.includes('"stars"')).length;
      if (file.endsWith('-crd')) await removeCrdForm();
      else await remove(results);
      figures.add(
        file,
        `rated: v2 ${rated(told('v2'))} of ${told('v2').length}, v3 ${rated(told('v3'))} of ${told('v3').length}`,
      );
      expect(told('v2').length).toBeGreaterThan(0);
      expect(told('v3').length).toBeGreaterThan(0);
      expect([rated(told('v2')), rated(told('v3'))]).toEqual([told('v2').length, 0]);
    },
  );

  /** The older form has a kind per adapter and template; without the rule nothing of it is in force. */
  const removeCrdForm = (): Promise<void> => mesh.remove('rules', 'denyreviewsv3');

  test('mixer-rule-deny-serviceaccount: productpage is refused by its identity', async () => {
    const results = await policy('mixer-rule-deny-serviceaccount');
    const refused = await client.send({ url: 'http://details:9080/details/0' });
    await remove(results);
    const after = await client.send({ url: 'http://details:9080/details/0' });
    figures.add('mixer-rule-deny-serviceaccount', `${refused.status}, ${after.status} without`);
    expect([refused.status, after.status]).toEqual([403, 200]);
  });

  test('mixer-rule-productpage-ratelimit: two pages in five seconds', async () => {
    const results = await policy('mixer-rule-productpage-ratelimit');
    const { statuses } = await edge.sendMany({ url: `${mesh.mesh.file.gateway}/productpage` }, 10, 1);
    await remove(results);
    figures.add(
      'mixer-rule-productpage-ratelimit',
      `${statuses.get(200) ?? 0} of 10 passed, ${statuses.get(429) ?? 0} refused with 429`,
    );
    expect(new Set(statuses.keys())).toEqual(new Set([200, 429]));
    expect(statuses.get(200)).toBe(2);
    expect((await edge.send({ url: `${mesh.mesh.file.gateway}/productpage` })).status).toBe(200);
  });
}
