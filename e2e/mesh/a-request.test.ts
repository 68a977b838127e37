import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followRequest, type Step } from '../a-request/follow.ts';
import { bringUp, type WholeMesh } from './harness/whole-mesh.ts';

let mesh: WholeMesh;
let steps: readonly Step[];
beforeAll(async () => {
  mesh = await bringUp('embedded');
  await mesh.runBookinfo();
  steps = await followRequest(mesh);
}, 90_000);
afterAll(() => mesh?.stop(), 60_000);

test.each([
  [
    'Service A comes up',
    [/citadel → spiffe:.*productpage/, /citadel → spiffe:.*details/, /pilot → .*productpage.*CDS SYNCED/],
  ],
  ['Service A calls service B', [/GET \/details\/0.* 200 .*outbound\|9080\|\|details/]],
  ['The client-side proxy forwards to an instance of B', [/GET \/details\/0.* 200 .*inbound\|/]],
  ['The server-side proxy asks Mixer', [/calls of the details sidecar so far: [1-9]/]],
  ['The server-side proxy forwards to B', [/details answered 200/]],
  ['The answer goes back, and the server side reports', [/"reporter":"inbound"/]],
  ['The client side hands the answer to A, and reports too', [/"reporter":"outbound"/]],
] as const)('%s', (title, expected) => {
  const step = steps.find((one) => one.title === title);
  for (const pattern of expected) expect(step?.evidence.join('\n')).toMatch(pattern);
});

test('the page in docs has every step', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/a-request.md'), 'utf8');
  for (const [index, { title }] of steps.entries()) expect(page).toContain(`## ${index + 1}. ${title}`);
});
