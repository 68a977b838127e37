import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Citadel, createCitadel, readSettings } from '@lateen/citadel';
import {
  appendPath,
  componentId,
  createAuthorityCertificate,
  createCsr,
  createIssuer,
  createKeyPair,
  expandTrustDomains,
  formatSpiffeId,
  formatWorkloadId,
  type Parsed,
  parseCertificates,
  parseSpiffeId,
  parseTrustDomain,
  parseWorkloadId,
  readSvid,
  type SpiffeId,
  segmentComplaint,
  spiffeIdOf,
  spiffeIdOfSegments,
  verifyChain,
} from '@lateen/identity';
import { methods, RpcClient, RpcError, rootCredentials, rpcStatus } from '@lateen/rpc';
import { silentLogger, systemClock } from '@lateen/runtime';
import { createTemporaryFolder } from '@lateen/testing';
import { describe, expect, test } from 'vitest';

const corpora = process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../shared/corpora');
const present = existsSync(join(corpora, 'spiffe/spiffe-ids.json'));

interface Row {
  readonly id: string;
  readonly [field: string]: unknown;
}

const read = (path: string): string => readFileSync(join(corpora, path), 'utf8');
const rowsOf = (path: string): readonly Row[] => JSON.parse(read(path)) as readonly Row[];

/** Answers what is wrong with a row's outcome, nothing when it is as it should be, `unfit` when it asks for something that isn't ours. */
type Judge = (row: Row) => Promise<string | undefined> | string | undefined;
const unfit = 'unfit';

async function tally(name: string, rows: readonly Row[], judge: Judge): Promise<void> {
  const failures: string[] = [];
  let passed = 0;
  let left = 0;
  for (const row of rows) {
    const complaint = await judge(row);
    if (complaint === undefined) passed += 1;
    else if (complaint === unfit) left += 1;
    else failures.push(`${row.id}: ${complaint}`);
  }
  process.stderr.write(
    `conformance/identity ${name}: ${passed} of ${rows.length - left}, ${left} not asked\n`,
  );
  const floors = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    readonly identity?: Readonly<Record<string, number>>;
  };
  expect(passed, failures.slice(0, 20).join('\n')).toBeGreaterThanOrEqual(
    floors.identity?.[name] ?? rows.length,
  );
}

function judgeParsed(
  row: Row,
  parsed: Parsed<unknown>,
  value?: (parsed: never) => unknown,
  expected?: unknown,
): string | undefined {
  if ('complaint' in parsed) {
    if (row.ok === true) return `refused: ${parsed.complaint}`;
    const wanted = String(row.errContains ?? row.err);
    return parsed.complaint.includes(wanted) ? undefined : `"${parsed.complaint}" instead of "${wanted}"`;
  }
  if (row.ok !== true) return 'accepted';
  const got = value?.(parsed.value as never);
  return got === expected ? undefined : `${String(got)} instead of ${String(expected)}`;
}

function uriOf(row: Row): string {
  if (typeof row.in === 'string') return row.in;
  const { scheme, host, path } = row.url as { scheme: string; host: string; path: string };
  return scheme === '' && host === '' && path === '' ? '' : `${scheme}://${host}${path}`;
}

function spiffeId(row: Row): string | undefined {
  const start: SpiffeId = { trustDomain: 'trustdomain', path: String(row.start ?? '') };
  const path = ({ path: found }: SpiffeId): string => found;
  const append = (parsed: Parsed<SpiffeId>): Parsed<SpiffeId> =>
    'value' in parsed ? appendPath(start, parsed.value.path) : parsed;
  const segments = (field: 'arg' | 'segments'): Parsed<SpiffeId> =>
    spiffeIdOfSegments(String(row.trustDomain ?? 'trustdomain'), (row[field] ?? []) as readonly string[]);
  switch (row.op) {
    case 'FromString':
      return judgeParsed(row, parseSpiffeId(uriOf(row)), path, row.path);
    case 'FromURI':
      return judgeParsed(row, parseSpiffeId(uriOf(row)), formatSpiffeId, row.in);
    case 'FromSegments':
      return judgeParsed(row, segments('segments'), path, row.path);
    case 'ReplacePath':
    case 'ReplacePathf':
      return judgeParsed(row, spiffeIdOf(start.trustDomain, String(row.arg)), path, row.path);
    case 'AppendPath':
    case 'AppendPathf':
      return judgeParsed(row, appendPath(start, String(row.arg)), path, row.path);
    case 'ReplaceSegments':
      return judgeParsed(row, segments('arg'), path, row.path);
    case 'AppendSegments':
      return judgeParsed(row, append(segments('arg')), path, row.path);
    case 'TrustDomainFromString':
      return judgeParsed(row, parseTrustDomain(uriOf(row)), (domain: string) => domain, row.trustDomain);
    case 'TrustDomainFromURI': {
      const parsed = parseSpiffeId(uriOf(row));
      return judgeParsed(row, parsed, ({ trustDomain }: SpiffeId) => trustDomain, row.trustDomain);
    }
    case 'ValidatePathSegment': {
      const complaint = segmentComplaint(String(row.in));
      return judgeParsed(row, complaint === undefined ? { value: undefined } : { complaint });
    }
    default:
      return unfit; // matchers of go-spiffe's API: principals are compared as text here
  }
}

interface TableCase extends Row {
  readonly test: string;
  readonly row: Readonly<Record<string, unknown>>;
}

function istioId({ test: name, row }: TableCase): string | undefined {
  const same = (got: unknown, wanted: unknown): string | undefined =>
    JSON.stringify(got) === JSON.stringify(wanted)
      ? undefined
      : `${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`;
  if (name === 'TestExpandWithTrustDomains') {
    return same(expandTrustDomains(row.spiffeURI as string[], row.trustDomains as string[]), row.want);
  }
  if (name === 'TestIdentity') {
    const wanted = row.expected as Readonly<Record<string, string>> | null;
    const id = parseWorkloadId(String(row.input));
    if (!wanted) return same(id, undefined);
    return same(
      [id?.trustDomain, id?.namespace, id?.serviceAccount],
      [wanted.TrustDomain ?? '', wanted.Namespace ?? '', wanted.ServiceAccount ?? ''],
    );
  }
  if (name !== 'TestGenSpiffeURI') return unfit;
  const { trustDomain, namespace, serviceAccount } = row as Readonly<Record<string, string>>;
  const uri = formatWorkloadId({
    trustDomain: trustDomain!,
    namespace: namespace!,
    serviceAccount: serviceAccount!,
  });
  return row.expectedError === ''
    ? same(uri, row.expectedURI)
    : same('complaint' in parseSpiffeId(uri), true);
}

/** Rows are about PEM text of certificates; the keys aren't in the corpus. */
function svid(row: Row): string | undefined {
  if (!existsSync(join(corpora, 'spiffe/x509svid', String(row.certs)))) return unfit;
  const wanted = String(row.errContains ?? '');
  if (wanted.includes('private key')) return unfit;
  const chain = parseCertificates(read(`spiffe/x509svid/${String(row.certs)}`));
  const parsed: Parsed<{ readonly id: string }> = chain
    ? readSvid(chain)
    : { complaint: 'malformed certificate' };
  if (row.spiffeId !== undefined) {
    const fine = 'value' in parsed && parsed.value.id === row.spiffeId && chain?.length === row.numCerts;
    return fine ? undefined : JSON.stringify(parsed);
  }
  // go-spiffe tells "no PEM" from "no certificate in the PEM"; here both are no certificates.
  const expected = wanted.replace(
    /^.*(validation failed|parse PEM encoded certificate|SPIFFE ID): (x509: )?/,
    '',
  );
  if (!('complaint' in parsed)) return 'accepted';
  const texts = [expected, expected.replace('no PEM blocks found', 'no certificates found')];
  return texts.some((text) => parsed.complaint.includes(text))
    ? undefined
    : `${parsed.complaint} instead of ${expected}`;
}

const hour = 3_600_000;

function verification(row: Row): string | undefined {
  const nowMs = Date.now();
  const authority = () => {
    const keys = createKeyPair();
    const validity = { notBeforeMs: nowMs - hour, notAfterMs: nowMs + 9 * hour };
    const root = new X509Certificate(createAuthorityCertificate(keys, { organization: 'test', ...validity }));
    const issuer = createIssuer(root, keys.privateKey);
    const issue = (...uris: string[]): X509Certificate => {
      const publicKey = createKeyPair().publicKey.export({ format: 'der', type: 'spki' });
      const leaf = { publicKey, uris, notBeforeMs: nowMs - hour, notAfterMs: nowMs + hour };
      return new X509Certificate(issuer.issue(leaf));
    };
    return { root, issue };
  };
  const ca1 = authority();
  const ca2 = authority();
  const workload = 'spiffe://domain1.test/workload';
  const chains: Readonly<Record<string, () => X509Certificate[]>> = {
    empty: () => [],
    [`valid leaf ${workload} signed by ca1`]: () => [ca1.issue(workload)],
    'URI SAN sparfe://domain1.test/workload, signed by ca1': () => [
      ca1.issue('sparfe://domain1.test/workload'),
    ],
    'leaf1 with no URI SAN': () => [ca1.issue()],
    'leaf1 with the URI SAN twice': () => [ca1.issue(workload, workload)],
  };
  const bundles: Readonly<Record<string, [string, X509Certificate[]]>> = {
    'ca1 for domain1.test': ['domain1.test', [ca1.root]],
    'ca2 for domain1.test': ['domain1.test', [ca2.root]],
    'ca2 for domain2.test': ['domain2.test', [ca2.root]],
    'domain1.test with no roots': ['domain1.test', []],
  };
  const chain = chains[String(row.chain)];
  const bundle = bundles[String(row.bundle)];
  if (!chain || !bundle) return unfit; // leaves with an authority's usages: this issuer makes none
  const late = row.clock === undefined ? 0 : hour + 1000;
  const result = verifyChain(chain(), new Map([bundle]), { nowMs: nowMs + late });
  return 'value' in result === (row.ok === true) ? undefined : JSON.stringify(result);
}

function subjectAltNames(row: Row): string | undefined {
  if (row.kind !== 'buildSAN') return unfit;
  const hosts = String(row.hosts).split(',');
  if (hosts.some((host) => /^[\d.]+$/.test(host))) return unfit; // identities are no addresses
  const keys = createKeyPair();
  const pem = createCsr(keys, {
    uris: hosts.filter((host) => host.startsWith('spiffe://')),
    dnsNames: hosts.filter((host) => !host.startsWith('spiffe://')),
  });
  const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64').toString('hex');
  const { value } = row.expectedExt as { readonly value: { readonly hex: string } };
  return der.includes(value.hex) ? undefined : 'the encoded names differ';
}

/** Proof, CSR and life as a row has them, against a running citadel; its own failures can't be ordered. */
async function issuance(row: Row, citadel: Citadel): Promise<string | undefined> {
  if (typeof row.code !== 'string' || row.code === 'INTERNAL') return unfit;
  const authenticators = row.authenticators as readonly {
    readonly error?: string;
    readonly identities?: string[];
  }[];
  const proven = authenticators.some(({ error, identities = [] }) => {
    return error === undefined && (row.rpc === 'CreateCertificate' || identities.length > 0);
  });
  // The stand-in authority of these rows doesn't look at the CSR; the 1024-bit RSA keys of the others are refused here.
  const lenient = row.code === 'OK' || row.caError === 'TTL_ERROR';
  if (lenient && row.rpc === 'HandleCSR') return unfit;
  const csr = lenient ? createCsr(createKeyPair(), { uris: [] }) : String(row.csr);
  const validityDuration = row.caError === 'TTL_ERROR' ? 91 * 24 * 3600 : 3600;
  const token = await citadel.issueJoinToken('default', 'test', 60_000);
  const credentials = rootCredentials(citadel.rootCertificate, {
    serverPrincipals: [componentId('citadel', 'cluster.local')],
  });
  const client = new RpcClient(`127.0.0.1:${citadel.port}`, credentials);
  try {
    const options = {
      timeoutMs: 5000,
      ...(proven ? { metadata: { authorization: `Bearer ${token}` } } : {}),
    };
    const { certChain = [] } = await client.unary(
      methods.createCertificate,
      { csr, validityDuration },
      options,
    );
    if (row.code !== 'OK') return 'issued';
    return certChain.at(-1) === citadel.rootCertificate && certChain.length === 2
      ? undefined
      : 'another chain';
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return rpcStatus[error.status] === row.code
      ? undefined
      : `${rpcStatus[error.status]} instead of ${row.code}`;
  } finally {
    client.close();
  }
}

if (!present) process.stderr.write('conformance/identity: the corpora are absent, its cases are not run\n');

describe.runIf(present)('identity', () => {
  test('SPIFFE ids', () => tally('spiffe-ids', rowsOf('spiffe/spiffe-ids.json'), spiffeId));
  test("Istio's ids", async () => {
    const { cases } = JSON.parse(read('pilot-tables/pkg.spiffe.spiffe.json')) as {
      readonly cases: readonly TableCase[];
    };
    await tally('istio-ids', cases, (row) => istioId(row as TableCase));
  });
  test('X.509-SVIDs', () => tally('x509svid-parse', rowsOf('spiffe/x509svid-parse.json'), svid));
  test('X.509-SVID chains', () =>
    tally('x509svid-verify', rowsOf('spiffe/x509svid-verify.json'), verification));
  test('subject alternative names', () => tally('san', rowsOf('ca/san.json'), subjectAltNames));
  test('CreateCertificate', async () => {
    using folder = createTemporaryFolder();
    const settings = readSettings({
      CITADEL_ADDRESS: '127.0.0.1:0',
      CITADEL_ADMIN_ADDRESS: '127.0.0.1:0',
      LATEEN_STATE_DIR: folder.path,
    });
    const citadel = createCitadel(settings, { clock: systemClock, logger: silentLogger });
    await citadel.start();
    await tally('ca-server', rowsOf('ca/server.json'), (row) => issuance(row, citadel));
    await citadel.stop();
  });
});
