import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bringUp, type WholeMesh } from './harness/whole-mesh.ts';

const root = join(import.meta.dirname, '../..');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('the command line', () => {
  let mesh: WholeMesh;
  beforeAll(async () => {
    mesh = await bringUp('embedded');
    await mesh.applyFile('bookinfo/config/bookinfo.yaml');
  }, 60_000);
  afterAll(() => mesh.stop(), 30_000);

  /** Runs `lateen` as a user would, against this mesh. */
  function lateen(...args: string[]): Promise<Ran> {
    const command = [join(root, 'apps/cli/src/main.ts'), '--state-dir', mesh.folder, ...args];
    return new Promise((resolve) => {
      execFile(process.execPath, command, { cwd: root, timeout: 60_000 }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
      );
    });
  }

  test('apply stores a file as one transaction and waits for the proxies', async () => {
    const begin = performance.now();
    const { code, out } = await lateen('apply', '--wait', '-f', 'e2e/bookinfo/config/reviews-v1-only.yaml');
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringMatching(/VirtualService +default +reviews +created[^]*1 of 1 proxies have it/),
    });
    expect(performance.now() - begin).toBeLessThan(5000);
    const again = await lateen('apply', '-f', 'e2e/bookinfo/config/reviews-v1-only.yaml');
    expect(again.out).toMatch(/unchanged/);
  });

  test('get answers as a table, as JSON and as YAML', async () => {
    expect((await lateen('get', 'vs')).out).toMatch(/^NAMESPACE +NAME +AGE +SUMMARY\ndefault +bookinfo/);
    const json = JSON.parse((await lateen('get', 'virtualservice', 'reviews', '-o', 'json')).out) as {
      spec: { hosts: string[] };
    };
    expect(json.spec.hosts).toEqual(['reviews']);
    expect((await lateen('get', 'VirtualService', 'reviews', '-o', 'yaml')).out).toMatch(
      /^apiVersion: networking.istio.io/,
    );
    // What `get` prints can be applied as it is.
    expect(JSON.stringify(json)).not.toContain('undefined');
  });

  test('proxy-status and proxy-config show what a proxy has', async () => {
    const [status] = JSON.parse((await lateen('proxy-status', '-o', 'json')).out) as {
      proxy: string;
      cds: string;
    }[];
    expect(status).toMatchObject({ proxy: expect.stringMatching(/^router~/), cds: 'SYNCED' });
    const routes = await lateen('proxy-config', 'routes', 'router');
    expect(routes.out).toMatch(/http\.\d+ +\*:\d+/);
  });

  test('delete removes by name and by file, and says when nothing was there', async () => {
    expect(await lateen('delete', 'virtualservice', 'reviews')).toMatchObject({
      code: 0,
      out: 'virtualservices/reviews deleted\n',
    });
    expect(await lateen('delete', '-f', 'e2e/bookinfo/config/reviews-v1-only.yaml')).toMatchObject({
      code: 1,
      out: 'virtualservices/reviews not found\n',
    });
  });

  test('run hands the app’s exit code on, and its ports down', async () => {
    const script =
      'console.log(JSON.stringify({ port: process.env.PORT, proxy: process.env.HTTP_PROXY })); process.exit(7)';
    const ran = await lateen('run', '--name', 'job', '--', 'node', '-e', script);
    expect(ran.code).toBe(7);
    const told = JSON.parse(ran.out) as { port?: string; proxy: string };
    expect(told.port).toBeUndefined();
    expect(told.proxy).toMatch(/^http:\/\/app:[\w-]+@127\.0\.0\.1:\d+$/);
    expect(ran.err).toMatch(/job runs in the mesh as default\/job-/);
  }, 60_000);

  test('an app that never listens is told so, and nothing of it stays', async () => {
    const ran = await lateen(
      'run',
      '--name',
      'mute',
      '--port',
      'http',
      '--',
      'node',
      '-e',
      'process.exit(3)',
    );
    expect(ran).toMatchObject({
      code: 3,
      err: expect.stringMatching(/mute ended with exit code 3 before it listened/),
    });
    expect((await lateen('get', 'workloadentries')).out).not.toContain('mute');
  }, 60_000);

  test.each([
    { args: ['apply'], code: 2, err: /required option '-f/ },
    { args: ['aply'], code: 2, err: /unknown command 'aply'[^]*apply/ },
    { args: ['get', 'virtualservicez'], code: 2, err: /unknown kind "virtualservicez"/ },
    { args: ['get', 'vs', 'absent'], code: 1, err: /there is no virtualservices\/absent/ },
    { args: ['get', 'vs', '-o', 'xml'], code: 2, err: /unknown output form "xml"/ },
    { args: ['apply', '-f', 'nowhere.yaml'], code: 1, err: /nowhere\.yaml can't be read/ },
    {
      args: ['proxy-config', 'routes', 'nobody'],
      code: 1,
      err: /no proxy is called "nobody"; connected: router~/,
    },
  ])('lateen $args: exit code $code with the way out', async ({ args, code, err }) => {
    const ran = await lateen(...args);
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(err);
    expect(ran.out + ran.err).not.toContain('\u001b[');
  });

  test('the local APIs refuse callers without the token, foreign hosts and foreign pages', async () => {
    const { galleyApi, citadelAdmin, pilotDebug } = mesh.mesh.file;
    const authorization = `Bearer ${mesh.mesh.adminToken}`;
    for (const url of [`${galleyApi}/apis`, `${pilotDebug}/debug/syncz`]) {
      const answers = await Promise.all([
        statusOf(url, {}),
        statusOf(url, { authorization: 'Bearer guess' }),
        statusOf(url, { authorization, host: 'evil.example' }),
        statusOf(url, { authorization, origin: 'https://evil.example' }),
        statusOf(url, { authorization }),
      ]);
      expect({ url, answers }).toEqual({ url, answers: [401, 401, 403, 403, 200] });
    }
    const minted = await fetch(`${citadelAdmin}/v1/join-tokens`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(minted.status).toBe(401);
  });
});

function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}
