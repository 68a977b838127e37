import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@lateen/runtime';
import { beforeAll, expect, test } from 'vitest';
import { createProgram } from '../program.ts';

const mesh = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  addresses: [10.96.0.40]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP}]
  endpoints:
  - {address: 10.0.0.41, serviceAccount: reviews, labels: {app: reviews, version: v1, security.istio.io/tlsMode: istio}}
  - {address: 10.0.0.42, serviceAccount: reviews, labels: {app: reviews, version: v2, security.istio.io/tlsMode: istio}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - name: jason
    match: [{headers: {end-user: {exact: jason}}, uri: {prefix: /reviews}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - name: rest
    match: [{uri: {prefix: /reviews}}]
    route: [{destination: {host: reviews, subset: v1}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: default}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/productpage]}}]
    to: [{operation: {methods: [GET]}}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: productpage, namespace: default}
spec: {address: 10.0.0.10, serviceAccount: productpage, labels: {app: productpage}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: laptop, namespace: default}
spec: {address: 127.0.0.1, serviceAccount: productpage, labels: {app: laptop}}
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'explain-'));
  writeFileSync(join(folder, 'mesh.yaml'), mesh);
});

async function explain(...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const surroundings = {
    environment: {},
    workingFolder: folder,
    out: (part: string) => {
      text += part;
    },
    err: (part: string) => {
      text += part;
    },
    readInput: () => Promise.resolve(''),
    terminal: false,
    clock: systemClock,
    random: () => 0.5,
    stopped: new AbortController().signal,
    processId: 1,
    node: '',
  };
  const code = await createProgram(surroundings, process).run(['explain', ...args, '-f', '.']);
  return { code, text };
}

const reviews = 'http://reviews:9080';

test('a request is followed through every rule to the server’s policy', async () => {
  const { code, text } = await explain('GET', `${reviews}/reviews/1`, '--from', 'productpage');
  expect(text.split('\n')).toEqual([
    'listener:      0.0.0.0_9080',
    'routes:        9080',
    'virtual host:  reviews.default.svc.cluster.local:9080',
    expect.stringMatching(/^ {2}passed {2}jason \(default\/reviews, mesh.yaml:\d+\): .*end-user/),
    expect.stringMatching(/^ {2}taken {3}rest \(default\/reviews, mesh.yaml:\d+\)$/),
    'cluster:       outbound|9080|v1|reviews.default.svc.cluster.local',
    'subset:        v1',
    'endpoints:     10.0.0.41:9080',
    'server:        reviews-0.default at 10.0.0.41:9080',
    'mTLS:          permissive',
    'policies:      ns[default]-policy[readers]-rule[0]',
    'verdict:       allowed by ns[default]-policy[readers]-rule[0]',
    'outcome:       forward',
    '',
  ]);
  expect(code).toBe(0);
});

test.each([
  [
    'by a header',
    ['GET', `${reviews}/reviews/1`, '-H', 'end-user: jason', '--from', 'productpage'],
    'subset:        v2',
    0,
  ],
  [
    'refused by a policy',
    ['POST', `${reviews}/reviews/1`, '--from', 'productpage'],
    'because:       reviews-0.default refuses the request',
    1,
  ],
  ['by no rule', ['GET', `${reviews}/ratings`, '--from', 'productpage'], 'but none of its rules matches', 1],
  [
    'by a prefix in another case',
    ['GET', `${reviews}/Reviews/1`, '--from', 'productpage'],
    'host matches, but path prefix /reviews differs in case',
    1,
  ],
  [
    'by a host with a slip',
    ['GET', 'http://review:9080/', '--from', 'productpage'],
    'no host review, but there is reviews',
    0,
  ],
  [
    'through the HTTP proxy',
    ['GET', `${reviews}/reviews/1`, '--from', 'laptop'],
    'listener:      127.0.0.1_15080',
    0,
  ],
])('a request that goes %s', async (_, args, expected, code) => {
  const found = await explain(...args);
  expect(found.text).toContain(expected);
  expect(found.code).toBe(code);
});

test('the answer as JSON', async () => {
  const { text } = await explain('GET', `${reviews}/reviews/1`, '--from', 'productpage', '-o', 'json');
  expect(JSON.parse(text)).toMatchObject({
    outcome: 'forward',
    cluster: 'outbound|9080|v1|reviews.default.svc.cluster.local',
    server: { allowed: true },
  });
});
