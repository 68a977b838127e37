/** `npm run a-request`: brings a mesh up, follows one request through it, and writes docs/a-request.md. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bringUp } from '../mesh/harness/whole-mesh.ts';
import { followRequest } from './follow.ts';
import { renderPage } from './page.ts';

const mesh = await bringUp('embedded');
try {
  await mesh.runBookinfo();
  const page = renderPage(await followRequest(mesh));
  writeFileSync(join(import.meta.dirname, '../../docs/a-request.md'), page);
  process.stdout.write(page);
} finally {
  await mesh.stop();
}
