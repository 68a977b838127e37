// Passwords of the local nats-server's users, made once, in `<state>/nats/<component>.password`. Components read them
// there, so they must exist before any of them starts.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './rules/files.mjs';

/** Folder of the local nats-server in the state folder. */
export function natsFolder() {
  const state = process.env.LATEEN_STATE_DIR ?? '.lateen';
  return join(isAbsolute(state) ? state : join(root, state), 'nats');
}

/** Password by component; made where there is none. */
export function natsPasswords() {
  const folder = natsFolder();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const entries = ['galley', 'pilot', 'mixer', 'citadel'].map((component) => {
    const file = join(folder, `${component}.password`);
    // nats-server parses a variable's value as configuration: one that begins with a sign or looks like a number fails.
    if (!existsSync(file)) writeFileSync(file, `p${randomBytes(24).toString('hex')}`, { mode: 0o600 });
    return [component, readFileSync(file, 'utf8')];
  });
  return Object.fromEntries(entries);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) natsPasswords();
