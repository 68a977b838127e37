import { AsyncLocalStorage } from 'node:async_hooks';
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { boolOr, invalidConfig, refuseFields } from '@lateen/matching';
import type { envoy_extensions_transport_sockets_tls_v3_DownstreamTlsContext } from '@lateen/protos';
import type { Unsubscribe } from '@lateen/runtime';
import type { TlsPeer } from '../connection.ts';
import { peerOf } from './subject-names.ts';
import {
  type TlsMaterial,
  type TlsSurroundings,
  type WatchedMaterial,
  watchMaterial,
} from './tls-material.ts';

/** A finished server-side handshake. */
interface AcceptedTls {
  readonly socket: TLSSocket;
  readonly peer: TlsPeer | undefined;
  readonly serverName: string;
  readonly applicationProtocol: string;
  readonly ownUris: readonly string[];
}

/** Server side of TLS of one filter chain. */
export interface DownstreamTls {
  /** Resolves when the first secrets are there. */
  readonly material: WatchedMaterial['material'];
  readonly initialFetchTimeoutMs: number | undefined;
  /**
   * Takes a paused socket over, with the ClientHello still in it. `offered`: the client's ALPN list, from inspection.
   * @throws Error when the handshake fails or the client is not who it must be; the socket is destroyed then
   */
  accept(socket: Socket, offered: readonly string[]): Promise<AcceptedTls>;
  dispose(): void;
}

interface Handshake {
  readonly material: TlsMaterial;
  readonly resolve: (accepted: AcceptedTls) => void;
  readonly reject: (error: Error) => void;
}

/** Longest handshake, milliseconds: a client that stops in the middle must not hold a connection for ever. */
const handshakeTimeoutMs = 60_000;

/**
 * Node's TLS server does the handshakes without listening: it is handed the sockets. Its events don't say which
 * socket they are about, so the handshake travels in an async context.
 */
const handshakes = new AsyncLocalStorage<Handshake>();

function finish(socket: TLSSocket, requireCertificate: boolean): void {
  const handshake = handshakes.getStore();
  if (!handshake) return void socket.destroy();
  const { material } = handshake;
  const certificate = socket.getPeerX509Certificate();
  const refuse = (reason: string): void => {
    socket.destroy();
    handshake.reject(new Error(reason));
  };
  if (!certificate && requireCertificate) return refuse('the client showed no certificate');
  if (certificate && material.verifies && !socket.authorized) {
    return refuse(`the client certificate is not trusted: ${String(socket.authorizationError)}`);
  }
  const complaint = certificate && material.check?.(certificate);
  if (complaint) return refuse(complaint);
  const verified = certificate && (material.verifies || material.check !== undefined);
  handshake.resolve({
    socket,
    peer: verified ? peerOf(certificate) : undefined,
    serverName: typeof socket.servername === 'string' ? socket.servername : '',
    applicationProtocol: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    ownUris: material.ownUris,
  });
}

/** Compiles `DownstreamTlsContext`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function createDownstreamTls(
  config: envoy_extensions_transport_sockets_tls_v3_DownstreamTlsContext,
  path: string,
  surroundings: TlsSurroundings,
): DownstreamTls {
  refuseFields(config, path, [
    'requireSni',
    'sessionTicketKeys',
    'sessionTicketKeysSdsSecretConfig',
    'ocspStaplePolicy',
  ]);
  const common = config.commonTlsContext;
  if (!common) throw invalidConfig(`${path}.common_tls_context`, 'is required');
  const watched = watchMaterial(common, `${path}.common_tls_context`, surroundings);
  const requireCertificate = boolOr(config.requireClientCertificate, false);
  const { alpnProtocols } = watched;

  let servers: { plain: Server; alpn: Server } | undefined;
  let current: TlsMaterial | undefined;

  const create = (material: TlsMaterial, alpn: readonly string[]): Server => {
    const requestCert = requireCertificate || material.verifies;
    const server = createServer({
      ...contextOptions(material),
      requestCert,
      // Checked in `finish`, which says what is wrong; OpenSSL has verified the chain by then.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      allowHalfOpen: true,
      pauseOnConnect: true,
      ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    });
    server.on('secureConnection', (socket) => finish(socket, requireCertificate));
    server.on('tlsClientError', (error, socket) => {
      socket.destroy();
      handshakes.getStore()?.reject(error);
    });
    return server;
  };

  // A resumed session would outlive a change of trust: Node answers `authorized` for it without looking at the roots
  // again. So where client certificates matter there are no tickets, and Node keeps no session cache by itself.
  const contextOptions = (material: TlsMaterial) => ({
    ...material.options,
    ...(requireCertificate || material.verifies ? { secureOptions: constants.SSL_OP_NO_TICKET } : {}),
  });

  const stop: Unsubscribe = watched.material.subscribe((material) => {
    if (!material) return;
    if (servers && current?.verifies === material.verifies) {
      servers.plain.setSecureContext(contextOptions(material));
      servers.alpn.setSecureContext(contextOptions(material));
    } else {
      servers = { plain: create(material, []), alpn: create(material, alpnProtocols) };
    }
    current = material;
  });

  return {
    material: watched.material,
    initialFetchTimeoutMs: watched.initialFetchTimeoutMs,
    accept(socket, offered) {
      const ready = servers;
      const material = current;
      if (!ready || !material) {
        socket.destroy();
        return Promise.reject(new Error('the certificates have not come yet'));
      }
      // OpenSSL under Node refuses a client whose protocols have nothing in common with ours; Envoy goes on without
      // one. `istio` and its kin are such protocols: they choose the filter chain and are never negotiated.
      const common = offered.some((protocol) => alpnProtocols.includes(protocol));
      return new Promise((resolve, reject) => {
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('the client went away during the handshake')));
        handshakes.run({ material, resolve, reject }, () => {
          (common ? ready.alpn : ready.plain).emit('connection', socket);
        });
      });
    },
    dispose() {
      stop();
      watched.dispose();
    },
  };
}
