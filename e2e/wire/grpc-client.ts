import { createHash } from 'node:crypto';
import { connect } from 'node:tls';
import { createCsr, createKeyPair, privateKeyPem } from '@lateen/identity';
import { decode, encode, type MessageName, type Messages } from '@lateen/protos';
import * as grpc from '@grpc/grpc-js';

/** A server's method as its service definition has it. Nothing of Lateen's own client plumbing is used here. */
export interface Method<Q extends MessageName, A extends MessageName> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Q;
  readonly response: A;
}

/** What a client shows and trusts, PEM. */
export interface Credentials {
  readonly root: string;
  readonly certificateChain?: string;
  readonly privateKey?: string;
}

const timeoutMs = 10_000;
const bytesOf =
  <M extends MessageName>(name: M) =>
  (message: Messages[M]): Buffer =>
    Buffer.from(encode(name, message));

/** A channel in plain text, or with TLS. Servers prove themselves by their root; their names are SPIFFE ids. */
export function openChannel(address: string, credentials?: Credentials): grpc.Client {
  if (!credentials) return new grpc.Client(address, grpc.credentials.createInsecure());
  const { root, certificateChain, privateKey } = credentials;
  const pem = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
  return new grpc.Client(
    address,
    grpc.credentials.createSsl(Buffer.from(root), pem(privateKey), pem(certificateChain), {
      checkServerIdentity: () => undefined,
    }),
    // An IP address is no server name for SNI; any name will do, since the certificate has none.
    { 'grpc.ssl_target_name_override': 'localhost' },
  );
}

/** Sends bytes and decodes the answer. @rejects grpc.ServiceError */
export function callWithBytes<Q extends MessageName, A extends MessageName>(
  client: grpc.Client,
  { path, response }: Method<Q, A>,
  request: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Messages[A]> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => decode(response, bytes),
      Buffer.from(request),
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error, answer) => (error ? reject(error) : resolve(answer!)),
    );
  });
}

/** A stream in both directions: answers are taken one at a time, in order. */
export class Conversation<Q extends MessageName, A extends MessageName> {
  readonly #stream: grpc.ClientDuplexStream<Messages[Q], Messages[A]>;
  readonly #answers: Messages[A][] = [];
  #wake = (): void => {};
  #error: Error | undefined;

  constructor(client: grpc.Client, { path, request, response }: Method<Q, A>) {
    this.#stream = client.makeBidiStreamRequest(path, bytesOf(request), (bytes: Buffer) =>
      decode(response, bytes),
    );
    this.#stream.on('data', (answer: Messages[A]) => {
      this.#answers.push(answer);
      this.#wake();
    });
    this.#stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  say(request: Messages[Q]): void {
    this.#stream.write(request);
  }

  /** The next answer that nobody took. @rejects after ten seconds, or when the stream failed */
  async hear(): Promise<Messages[A]> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const answer = this.#answers.shift();
      if (answer) return answer;
      if (this.#error) throw this.#error;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error('nothing was heard in time');
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
  }

  end(): void {
    this.#stream.on('error', () => {}); // the cancellation itself
    this.#stream.cancel();
  }
}

/** What a join token says, unverified: whom it is for, and the hash of the root to trust. */
export function claimsOf(token: string): { sub: string; root_sha256: string } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    sub: string;
    root_sha256: string;
  };
}

/** The root that a server presents and whose hash is known, PEM. @rejects when it presents no such root */
function pinnedRoot(address: string, sha256: string): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: host!,
      port: Number(port),
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      let one = socket.getPeerCertificate(true);
      while (one.issuerCertificate && one.issuerCertificate !== one) one = one.issuerCertificate;
      socket.destroy();
      if (createHash('sha256').update(one.raw).digest('hex') !== sha256)
        return reject(new Error(`${address} presents another root`));
      const body = one.raw.toString('base64').replace(/(.{64})/g, '$1\n');
      resolve(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`);
    });
  });
}

const createCertificate = {
  path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  request: 'istio.v1.auth.IstioCertificateRequest',
  response: 'istio.v1.auth.IstioCertificateResponse',
} as const;

/** Gets a certificate from citadel for a join token, as any agent would. @rejects grpc.ServiceError */
export async function join(citadel: string, token: string): Promise<Required<Credentials>> {
  const { sub, root_sha256 } = claimsOf(token);
  const root = await pinnedRoot(citadel, root_sha256);
  const keys = createKeyPair();
  const client = openChannel(citadel, { root });
  const { certChain = [] } = await callWithBytes(
    client,
    createCertificate,
    encode('istio.v1.auth.IstioCertificateRequest', { csr: createCsr(keys, { uris: [sub] }) }),
    { authorization: `Bearer ${token}` },
  ).finally(() => client.close());
  return { root, certificateChain: certChain.join('\n'), privateKey: privateKeyPem(keys.privateKey) };
}
