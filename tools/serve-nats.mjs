// Becomes a nats-server for local development and tests: loopback, JetStream in the state folder, a user per component
// with the permissions of deploy/nats-users.conf. Passwords are made once, in `<state>/nats/<component>.password`.
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { natsFolder, natsPasswords } from './nats-passwords.mjs';
import { provideNatsServer } from './nats-server.mjs';
import { root } from './rules/files.mjs';

const folder = natsFolder();
const port = Number(process.env.NATS_PORT ?? 14222);
const passwords = natsPasswords();

let binary;
try {
  binary = await provideNatsServer();
} catch (error) {
  console.error(`nats-server: ${error.message}`);
  process.exit(1);
}
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
for (const [component, password] of Object.entries(passwords)) {
  environment[`NATS_${component.toUpperCase()}_PASSWORD`] = password;
}
// Becoming the server, instead of holding it: signals reach it, and it is this process that may be killed.
process.execve(binary, [binary, '-c', config], environment);
