import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@lateen/cli';
import { createTestAuthority } from '@lateen/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Figures } from './harness/figures.ts';
import { LoadClient } from './harness/load.ts';
import { bringUp, type WholeMesh } from './harness/whole-mesh.ts';

const root = join(import.meta.dirname, '../..');
const virtualService = (rest: string, name = 'bad'): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ${name}\nspec:\n${rest}`;
const route = '  http:\n  - route:\n    - destination:\n        host: reviews\n';

/** The article's Gateway, VirtualService and DestinationRule; `broken` with the slips that it was printed with. */
function article(broken: boolean, certificates = '/etc/certs'): Record<string, string> {
  return {
    gateway: `apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: hellowworld-gateway-1
  namespace: hello-world-ui
spec:
  selector:
    istio: ingressgateway
  servers:
  - port:
      number: 443
      name: HTTP
      protocol: HTTPS
    tls:
      mode: SIMPLE
      serverCertificate: ${certificates}/servercert.pem
      privateKey: ${certificates}/privatekey.pem
    hosts:
    - "helloworld.example.com"
`,
    virtualService: `apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: hellow-world-virtualservice
  namespace: hello-world-ui
spec:
  hosts:
  - "helloworld.example.com"
  gateways:
  - hellowworld-gateway-1
  http:
  - name: "ProductPage-v1-routes"
  ${broken ? '- ' : '  '}match:
    - uri:
        exact: /productpage
    rewrite:
      uri: "/newcatalog"
    route:
    - destination:
        host: productpage
        subset: v1
  - name: "ProductPage-v2-routes"
${broken ? '      ' : '    '}route:
    - destination:
        host: productpage
        subset: v2
`,
    slippedGateway: `apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: hellow-world-virtualservice
  namespace: hello-world-ui
spec:
  hosts:
  - "helloworld.example.com"
  gateways:
  - helloworld-gateway-1
  http:
  - route:
    - destination:
        host: productpage
`,
    destinationRule: `apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: ${broken ? 'hellowworld-DestinationRule' : 'hellowworld-destinationrule'}
spec:
  host: productpage
  subsets:
  - name: v1
    labels:
      version: v1
  - name: v2
    labels:
      version: v2
`,
  };
}

describe('bad input', () => {
  const files = mkdtempSync(join(tmpdir(), 'lateen-bad-'));
  const watched = join(files, 'watched');
  const figures = new Figures('bad input');
  let mesh: WholeMesh;
  let stopLoad: () => void;
  let load: ReturnType<LoadClient['sendSteadily']>;
  const client = new LoadClient();

  beforeAll(async () => {
    mkdirSync(watched);
    mesh = await bringUp('embedded', { environment: { GALLEY_CONFIG_DIRS: watched } });
    await mesh.runBookinfo();
    // The last endpoint may still be on its way to the gateway.
    await mesh.mesh.galley.rollout(Number(await revision()), 10_000);
    const until = new Promise<void>((resolve) => (stopLoad = resolve));
    load = client.sendSteadily({ url: `${mesh.mesh.file.gateway}/productpage` }, 20, until);
  }, 90_000);
  afterAll(async () => {
    figures.print();
    client.close();
    await mesh?.stop();
    rmSync(files, { recursive: true, force: true });
  }, 60_000);

  async function apply(text: string, file = 'bad.yaml'): Promise<{ code: number; out: string; err: string }> {
    const path = join(files, file);
    writeFileSync(path, text);
    const command = [
      join(root, 'apps/cli/src/main.ts'),
      '--state-dir',
      mesh.folder,
      'apply',
      '--wait',
      '-f',
      path,
    ];
    return new Promise((resolve) => {
      execFile(process.execPath, command, { cwd: root, timeout: 30_000 }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      );
    });
  }

  /** Changes with every write, so that nothing was stored while it stays. */
  async function revision(): Promise<string> {
    const list = await mesh.mesh.galley.list({ apiVersion: 'v1', plural: 'services', namespaced: true });
    return list.resourceVersion;
  }

  async function stored(plural: string, name: string, namespace = 'default'): Promise<boolean> {
    const apiVersion = plural === 'services' ? 'v1' : 'networking.istio.io/v1';
    return (
      (await mesh.mesh.galley.get({ apiVersion, plural, namespaced: true }, namespace, name)) !== undefined
    );
  }

  test.each([
    {
      what: 'malformed YAML',
      text: virtualService('  hosts: [reviews\n'),
      says: /bad\.yaml:\d+:\d+: error: /,
    },
    {
      what: 'an unknown field',
      text: virtualService(`  hosts: [reviews]\n  htp:\n  - route: []\n`),
      says: /bad\.yaml:7:3: error: spec\.htp: .*unknown field[^]*http/i,
    },
    {
      what: 'an unknown kind of our group',
      text: virtualService(`  hosts: [reviews]\n${route}`).replace('VirtualService', 'VirtualServise'),
      says: /bad\.yaml:2:\d+: error: kind: [^]*VirtualService/,
    },
    {
      what: 'a wrong type',
      text: virtualService(
        `  hosts: [reviews]\n  http:\n  - timeout: soon\n    route:\n    - destination: { host: reviews }\n`,
      ),
      says: /bad\.yaml:8:\d+: error: spec\.http\[0\]\.timeout: /,
    },
    {
      what: 'a VirtualService without hosts',
      text: virtualService(route),
      says: /bad\.yaml:\d+:\d+: error: (\[\w+\] )?spec\.hosts: /,
    },
    {
      what: 'the article’s broken list',
      text: article(true).virtualService!,
      says: /bad\.yaml:\d+:\d+: error: /,
    },
    {
      what: 'the article’s upper-case name',
      text: article(true).destinationRule!,
      says: /bad\.yaml:4:\d+: error: metadata\.name: /,
    },
    {
      what: 'the article’s gateway slip',
      text: `${article(true).gateway}---\n${article(true).slippedGateway}`,
      says: /bad\.yaml:\d+:\d+: error: (\[\w+\] )?spec\.gateways\[0\]: [^]*hellowworld-gateway-1/,
    },
  ])(
    '$what is refused with file, line and field, and nothing of the call is stored',
    async ({ text, says }) => {
      const fine =
        'apiVersion: v1\nkind: Service\nmetadata: { name: innocent }\nspec:\n  ports: [{ port: 80, name: http }]\n';
      const before = await revision();
      const { code, err } = await apply(`${text}---\n${fine}`);
      expect(err).toMatch(says);
      expect(err).toMatch(/nothing was applied/);
      expect(code).toBe(1);
      expect(await stored('services', 'innocent')).toBe(false);
      expect(await revision()).toBe(before);
    },
  );

  test('the corrected article runs, HTTPS with certificate files', async () => {
    const authority = createTestAuthority({ nowMs: Date.now() });
    const { certificateChain, privateKey } = authority.issue('spiffe://edge/ns/none/sa/none', {
      dnsNames: ['helloworld.example.com'],
    });
    writeFileSync(join(files, 'servercert.pem'), certificateChain);
    writeFileSync(join(files, 'privatekey.pem'), privateKey, { mode: 0o600 });
    const good = article(false, files);
    const port = await freePort();
    // Port 443 of the Gateway's server is this machine's unprivileged port, by the gateway's Service.
    const edge = `apiVersion: v1
kind: Service
metadata:
  name: istio-ingressgateway
  namespace: istio-system
  labels: { app: istio-ingressgateway, istio: ingressgateway }
spec:
  selector: { app: istio-ingressgateway, istio: ingressgateway }
  ports:
  - { name: http2, port: 80, targetPort: ${new URL(mesh.mesh.file.gateway ?? '').port} }
  - { name: https, port: 443, targetPort: ${port} }
`;
    const inDefault = (text = ''): string =>
      text.replaceAll('host: productpage', 'host: productpage.default.svc.cluster.local');
    const { code, err } = await apply(
      [edge, good.gateway, inDefault(good.virtualService), inDefault(good.destinationRule)].join('---\n'),
      'article.yaml',
    );
    expect({ code, err }).toMatchObject({ code: 0 });
    const ask = (path: string): Promise<{ status: number; body: string }> =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, path, ca: authority.root, agent: false } as const;
        const host = 'helloworld.example.com';
        get({ ...options, servername: host, headers: { host } }, (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => (body += chunk.toString()));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        }).on('error', reject);
      });
    const answer = await ask('/productpage');
    const other = await ask('/anything');
    figures.add('the corrected article, HTTPS', `${answer.status} ${answer.body.slice(0, 60)}`);
    // Rewritten to /newcatalog, which this product page doesn't have: its own 404 shows that the route was taken.
    expect([answer.status, answer.body]).toEqual([404, expect.stringContaining('/newcatalog')]);
    // The second route goes to version v2 of the page, which nobody runs.
    expect(other.status).toBe(503);
  });

  test('kinds of foreign groups are skipped with a notice', async () => {
    const foreign = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: reviews-v1 }\nspec: {}\n';
    const own =
      'apiVersion: v1\nkind: Service\nmetadata: { name: taken }\nspec:\n  ports: [{ port: 80, name: http }]\n';
    const { code, out, err } = await apply(`${foreign}---\n${own}`, 'mixed.yaml');
    expect(code).toBe(0);
    expect(out).toMatch(/Deployment +\S* *reviews-v1 +skipped/);
    expect(out + err).toMatch(/taken +created/);
  });

  test('what Istio accepts with a warning is accepted with a warning', async () => {
    const subset = await apply(
      virtualService(
        '  hosts: [ratings]\n  http:\n  - route:\n    - destination: { host: ratings, subset: gone }\n',
        'warned',
      ),
      'subset.yaml',
    );
    expect(subset.code).toBe(0);
    expect(subset.err).toMatch(/warning: .*subset/);
    await mesh.remove('virtualservices', 'warned');
    const gateway = (name: string, mode: string): string => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name} }
spec:
  selector: { istio: ingressgateway }
  servers:
  - port: { number: 443, name: https, protocol: HTTPS }
    hosts: [twice.example.com]
    tls: { mode: ${mode}, credentialName: twice }
`;
    const twice = await apply(`${gateway('one', 'SIMPLE')}---\n${gateway('two', 'MUTUAL')}`, 'twice.yaml');
    expect(twice.code).toBe(0);
    expect(twice.err).toMatch(/IST0145/);
    for (const name of ['one', 'two']) await mesh.remove('gateways', name);
  });

  test('a bad file of a watched folder leaves the others alone, and heals', async () => {
    const service = (name: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  ports: [{ port: 80, name: http }]\n`;
    writeFileSync(join(watched, 'a.yaml'), service('watched-a'));
    writeFileSync(join(watched, 'b.yaml'), service('watched-b').replace('spec:', 'spek:'));
    await expect.poll(() => stored('services', 'watched-a'), { timeout: 10_000 }).toBe(true);
    expect(await stored('services', 'watched-b')).toBe(false);
    writeFileSync(join(watched, 'b.yaml'), service('watched-b'));
    await expect.poll(() => stored('services', 'watched-b'), { timeout: 10_000 }).toBe(true);
    rmSync(join(watched, 'a.yaml'));
    await expect.poll(() => stored('services', 'watched-a'), { timeout: 10_000 }).toBe(false);
    expect(await stored('services', 'watched-b')).toBe(true);
  });

  test('the traffic did not notice', async () => {
    stopLoad();
    const { answers, failures } = await load;
    figures.add('pages during all this', `${answers.length}, ${failures.length} failed`);
    expect(failures).toEqual([]);
    expect(answers.length).toBeGreaterThan(50);
  });
});
