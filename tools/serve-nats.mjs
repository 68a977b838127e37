// Becomes a nats-server for local development and tests: loopback, JetStream in the state folder, a user per component
// with the permissions of deploy/nats-users.conf. Passwords are made once, in `<state>/nats/<component>.password`.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { provideNatsServer } from './nats-server.mjs';
import { root } from './rules/files.mjs';

const state = process.env.LATEEN_STATE_DIR ?? '.lateen';
const folder = join(isAbsolute(state) ? state : join(root, state), 'nats');
const port = Number(process.env.NATS_PORT ?? 14222);

function password(component) {
  const file = join(folder, `${component}.password`);
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

let binary;
try {
  binary = await provideNatsServer();
} catch (error) {
  console.error(`nats-server: ${error.message}`);
  process.exit(1);
}
mkdirSync(folder, { recursive: true, mode: 0o700 });
const config = join(folder, 'nats.conf');
writeFileSync(
  config,
  `listen: "127.0.0.1:${port}"
max_payload: 8MB
jetstream {
  store_dir: "${join(folder, 'store')}"
  sync_interval: always
}
include "${relative(folder, join(root, 'deploy/nats-users.conf'))}"
`,
);
const environment = { ...process.env };
for (const component of ['galley', 'pilot', 'mixer', 'citadel']) {
  environment[`NATS_${component.toUpperCase()}_PASSWORD`] = password(component);
}
// Becoming the server, instead of holding it: signals reach it, and it is this process that may be killed.
process.execve(binary, [binary, '-c', config], environment);
