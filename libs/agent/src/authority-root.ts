import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { certificateSha256 } from '@lateen/identity';
import { type Clock, LateenError } from '@lateen/runtime';

/** Deepest chain that is followed to its root. */
const maxDepth = 8;

function unreachable(address: string, cause: unknown): LateenError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LateenError(`citadel cannot be reached at ${address}: ${why}`, {
    code: 'LTN_AGENT_CITADEL_UNREACHABLE',
    origin: 'peer',
    retryable: true,
    cause,
  });
}

function presentedChain(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let one: DetailedPeerCertificate | undefined = leaf; one?.raw && chain.length < maxDepth; ) {
    chain.push(new X509Certificate(one.raw));
    one = one.issuerCertificate === one ? undefined : one.issuerCertificate;
  }
  return chain;
}

function handshake(
  address: string,
  options: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<X509Certificate[]> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    // Nothing is sent and nothing read over this connection: it is there to see which chain is presented.
    const socket = connect({
      host,
      port: Number(address.slice(colon + 1)),
      rejectUnauthorized: false,
      ca: [],
      ALPNProtocols: ['h2'],
    });
    const timer = options.clock.after(options.timeoutMs, () =>
      socket.destroy(new Error('no TLS handshake in time')),
    );
    socket.once('secureConnect', () => {
      timer.cancel();
      const chain = presentedChain(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
    socket.once('error', (error) => {
      timer.cancel();
      reject(unreachable(address, error));
    });
    socket.once('close', () => {
      timer.cancel();
      reject(unreachable(address, 'the connection was closed'));
    });
  });
}

/**
 * Fetches the chain that citadel presents and answers the root whose SHA-256 (hex) is the pin. Who knows the root's
 * hash needs no other trust. `address` is `HOST:PORT`.
 * @throws LateenError LTN_AGENT_CITADEL_UNREACHABLE, or LTN_AGENT_ROOT_PIN when no such root is presented.
 */
export async function fetchPinnedRoot(
  address: string,
  pin: string,
  options: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<X509Certificate> {
  const chain = await handshake(address, options);
  const root = chain.find((certificate) => certificateSha256(certificate) === pin);
  if (root) return root;
  const message = `the server at ${address} is not the citadel that the join token names (its root has another hash)`;
  throw new LateenError(message, { code: 'LTN_AGENT_ROOT_PIN', origin: 'peer' });
}
