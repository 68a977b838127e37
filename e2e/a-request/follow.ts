import type { WholeMesh } from '../mesh/harness/whole-mesh.ts';

/** One step of a request's way, with what the components themselves said of it. */
export interface Step {
  readonly title: string;
  readonly text: string;
  readonly evidence: readonly string[];
}

const meshConfig = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    accessLogFile: /dev/stdout
`;

/** A rule that has to be checked but lets this request pass, so that step 4 asks Mixer in earnest. */
const policy = `apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: blockedusers }
spec:
  compiledAdapter: listchecker
  params: { overrides: [mallory], blacklist: true }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: enduser }
spec:
  compiledTemplate: listentry
  params:
    value: request.headers["end-user"] | "nobody"
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: blockedusers }
spec:
  match: destination.labels["app"] == "details"
  actions: [{ handler: blockedusers.handler.default, instances: [enduser.instance.default] }]
`;

/** Sends one request from productpage (service A) to details (service B) and gathers what every component saw of it. */
export async function followRequest(mesh: WholeMesh): Promise<Step[]> {
  await mesh.apply(`${meshConfig}---\n${policy}`);
  await mesh.applyFile('bookinfo/config/telemetry.yaml');
  const id = 'a-request-1';
  const client = mesh.clientOf('productpage-v1');
  const answer = await client.send({
    url: 'http://details:9080/details/0',
    headers: { 'x-request-id': id, 'end-user': 'jason' },
  });
  const lines = (await untilHeard(mesh, id)).map(shorten);
  const of = (source: string): string[] =>
    lines.filter((line) => line.startsWith(`${source}: `)).map((line) => line.slice(source.length + 2));
  const reports = lines
    .filter((line) => line.includes('"reporter"'))
    .map((line) => line.slice(line.indexOf('{')));
  const certificates = mesh.lines
    .filter((line) => /(productpage|details)-v1\/sidecar: .*a certificate was received/.test(line))
    .map((line) => /"principal":"([^"]*)"/.exec(line)?.[1] ?? '');
  const status = (await debug(mesh, '/debug/syncz')) as readonly Record<string, string>[];
  const synced = status
    .filter(({ proxy }) => /~(productpage|details)-v1-/.test(proxy ?? ''))
    .map(
      ({ proxy, cds, eds, lds, rds }) =>
        `${shorten(proxy ?? '')}: CDS ${cds}, EDS ${eds}, LDS ${lds}, RDS ${rds}`,
    );
  const checks = await mesh.statistic('details-v1', 'envoy_http_mixer_filter_total_remote_check_calls');
  return [
    {
      title: 'Service A comes up',
      text: 'Citadel signed a certificate for each sidecar, pilot sent each its configuration and heard that it was taken.',
      evidence: [
        ...certificates.map((principal) => `citadel → ${principal}`),
        ...synced.map((line) => `pilot → ${line}`),
      ],
    },
    {
      title: 'Service A calls service B',
      text: 'productpage asks for `http://details:9080/details/0` through its sidecar, which chooses the route by Host.',
      evidence: of('productpage-v1/sidecar'),
    },
    {
      title: 'The client-side proxy forwards to an instance of B',
      text: 'The cluster `outbound|9080||details…` chose an endpoint; the connection is mTLS, and the server sees who calls.',
      evidence: of('details-v1/sidecar'),
    },
    {
      title: 'The server-side proxy asks Mixer',
      text: 'A CHECK rule is in force for details, so the request waits for Mixer’s word: passed.',
      evidence: [`mixer check calls of the details sidecar so far: ${checks}`],
    },
    {
      title: 'The server-side proxy forwards to B',
      text: 'The app listens on loopback behind its sidecar and answers.',
      evidence: [`details answered ${answer.status}: ${answer.body.slice(0, 80)}…`],
    },
    {
      title: 'The answer goes back, and the server side reports',
      text: 'Mixer’s stdio adapter wrote the report of the server-side proxy.',
      evidence: reports.filter((line) => line.includes('"inbound"')),
    },
    {
      title: 'The client side hands the answer to A, and reports too',
      text: 'The same request id, seen from the other side.',
      evidence: reports.filter((line) => line.includes('"outbound"')),
    },
  ];
}

/** Lines about the request, once both access logs and both reports are there; at most ten seconds. */
async function untilHeard(mesh: WholeMesh, id: string): Promise<string[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const lines = mesh.lines.filter((line) => line.includes(id));
    if (lines.length >= 4 || performance.now() > deadline) return lines;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function debug(mesh: WholeMesh, path: string): Promise<unknown> {
  const response = await fetch(mesh.mesh.file.pilotDebug + path, {
    headers: { authorization: `Bearer ${mesh.mesh.adminToken}` },
  });
  return response.json();
}

/** Random suffixes, ports and times say nothing to a reader. */
function shorten(line: string): string {
  return line
    .replace(/-v1-[0-9a-f]{6}/g, '-v1-…')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
    .replace(/inbound\|\d+\|/g, 'inbound|…|')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…')
    .replace(/"duration":"[^"]*"/g, '"duration":"…"');
}
