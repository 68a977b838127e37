import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';

/** Certificate and key, PEM. */
export interface DoorCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** TLS on an HTTP server's own port. */
export interface TlsDoor {
  /** Serves another certificate from the next connection on. */
  renew(certificate: DoorCertificate): void;
}

/** First byte of a TLS record that carries a handshake. Source: RFC 8446 5.1. */
const handshakeByte = 0x16;
/** How long a connection may be silent before its first byte, and how long a handshake may take. Milliseconds. */
const openingTimeoutMs = 10_000;

/**
 * Lets an HTTP server take TLS beside plain text on one port: the first byte of a connection tells which it is. kubectl
 * sends tokens over TLS alone, while the mesh's own tools talk plainly on loopback.
 */
export function addTlsDoor(server: Server, { certificate, privateKey }: DoorCertificate): TlsDoor {
  const [accept, ...others] = server.listeners('connection') as ((socket: Socket) => void)[];
  if (!accept || others.length > 0) throw new Error('an HTTP server has one listener for its connections');
  const secure = createServer(
    { cert: certificate, key: privateKey, minVersion: 'TLSv1.2', handshakeTimeout: openingTimeoutMs },
    (socket) => accept.call(server, socket),
  );
  // A client that doesn't trust the certificate, or breaks off: nothing to answer, nothing of ours to log.
  secure.on('tlsClientError', (_error, socket) => socket.destroy());
  server.removeListener('connection', accept);
  server.on('connection', (socket: Socket) => {
    const silent = setOpeningTimeout(socket);
    socket.once('error', silent.failed);
    socket.once('readable', () => {
      silent.clear();
      const start = socket.read() as Buffer | null;
      if (start !== null) socket.unshift(start);
      if (start === null)
        socket.destroy(); // it ended before its first byte
      else if (start[0] === handshakeByte) secure.emit('connection', socket);
      else accept.call(server, socket);
    });
  });
  return { renew: (next) => secure.setSecureContext({ cert: next.certificate, key: next.privateKey }) };
}

function setOpeningTimeout(socket: Socket): { clear(): void; failed(): void } {
  const destroy = (): void => void socket.destroy();
  socket.setTimeout(openingTimeoutMs, destroy);
  return {
    clear() {
      socket.setTimeout(0);
      socket.off('timeout', destroy);
      socket.off('error', destroy);
    },
    failed: destroy,
  };
}
