import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Variables that the components read, as their settings name them, and those of the tools that deploy/ configures. */
const known = new Set([
  'NODE_ENV',
  'NATS_SERVER_NAME',
  'NATS_CLUSTER_PASSWORD',
  ...[1, 2, 3].map((server) => `NATS_ROUTE_${server}`),
  ...['GALLEY', 'PILOT', 'MIXER', 'CITADEL'].map((user) => `NATS_${user}_PASSWORD`),
  ...readdirSync(join(root, 'apps'))
    .flatMap((app) => readdirSync(join(root, 'apps', app, 'src')).map((file) => `apps/${app}/src/${file}`))
    .filter((path) => path.endsWith('settings.ts'))
    .flatMap((path) => [...read(path).matchAll(/'([A-Z][A-Z0-9_]{2,})'/g)].map(([, name]) => name!)),
]);

/** Names in a file of deploy/ that look like variables of an environment. */
function variablesOf(text: string): string[] {
  const assigned = [...text.matchAll(/(?:^|\s)([A-Z][A-Z0-9_]{2,})(?==|:\s)/gm)].map(([, name]) => name!);
  const used = [...text.matchAll(/\$\{?([A-Z][A-Z0-9_]{2,})/g)].map(([, name]) => name!);
  return [...assigned, ...used].filter((name) => name.includes('_'));
}

const unknownIn = (text: string): string[] => variablesOf(text).filter((name) => !known.has(name));

const files = readdirSync(join(root, 'deploy'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));

describe('deploy/', () => {
  test.each(files)('%s names only settings that a component reads', (file) => {
    expect(unknownIn(read(file).replace(/^\s*#.*$/gm, ''))).toEqual([]);
  });

  test('a made-up setting is found out', () => {
    expect(unknownIn('      GALLEY_MAGIC_ADDRESS: 0.0.0.0:1\n')).toEqual(['GALLEY_MAGIC_ADDRESS']);
  });

  test.each(files.filter((file) => file.endsWith('.Dockerfile')))(
    '%s exposes the ports that its component has',
    (file) => {
      const app = /([\w-]+)\.Dockerfile$/.exec(file)![1]!;
      const exposed = [...(/^EXPOSE (.*)$/m.exec(read(file))?.[1] ?? '').matchAll(/\d+/g)].map(
        ([port]) => port,
      );
      const settings = readdirSync(join(root, 'apps', app, 'src'))
        .filter((name) => name.endsWith('settings.ts'))
        .map((name) => read(`apps/${app}/src/${name}`).replaceAll('_', ''))
        .join('\n');
      // The gateway's own port comes from its Service, not from a setting.
      const fromService = new Set(app === 'ingress-gateway' ? ['8080', '8443'] : []);
      expect(exposed.filter((port) => !fromService.has(port) && !settings.includes(port))).toEqual([]);
    },
  );

  const settings = readdirSync(join(root, 'apps'))
    .flatMap((app) => readdirSync(join(root, 'apps', app, 'src')).map((file) => `apps/${app}/src/${file}`))
    .filter((path) => path.endsWith('settings.ts'))
    .map((path) => read(path).replaceAll('_', ''))
    .join('\n');
  /** nats-server's own, and the gateway's, which come from no setting. */
  const fromElsewhere = new Set(['4222', '6222', '8222', '8080']);

  test.each(files.filter((file) => /compose\.yaml$|nats\.conf$/.test(file)))(
    '%s names only ports that a component has',
    (file) => {
      const named = [
        ...read(file)
          .replace(/^\s*#.*$/gm, '')
          .matchAll(/:(\d{4,5})\b/g),
      ].map(([, port]) => port!);
      expect(named.length).toBeGreaterThan(0);
      expect(named.filter((port) => !fromElsewhere.has(port) && !settings.includes(port))).toEqual([]);
    },
  );

  test.each(files.filter((file) => file.endsWith('.service')))('%s starts what an image holds', (file) => {
    const path = /^ExecStart=\S+ .*?(\/lateen\/\S+)$/m.exec(read(file))![1]!;
    for (const app of path.includes('%i') ? ['citadel', 'galley', 'pilot', 'mixer'] : ['proxy']) {
      const entry = /^ENTRYPOINT (.*)$/m.exec(read(`deploy/images/${app}.Dockerfile`))![1]!;
      expect(JSON.parse(entry)).toContain(path.replace('%i', app));
    }
  });

  test('compose builds from the Dockerfiles and mounts the files that exist', () => {
    const compose = read('deploy/compose.yaml');
    const named = [...compose.matchAll(/dockerfile: (\S+?) \}/g), ...compose.matchAll(/'(\.\/[^:']+):/g)].map(
      ([, path]) => (path!.startsWith('./') ? `deploy/${path!.slice(2)}` : path!),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !files.includes(path))).toEqual([]);
  });
});
