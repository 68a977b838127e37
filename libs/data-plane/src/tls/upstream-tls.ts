import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { boolOr, invalidConfig, refuseFields } from '@lateen/matching';
import type { envoy_extensions_transport_sockets_tls_v3_UpstreamTlsContext } from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import { ConnectFailure } from '../cluster/cluster.ts';
import { subjectNames } from './subject-names.ts';
import { type TlsSurroundings, type WatchedMaterial, watchMaterial } from './tls-material.ts';

/** What differs from connection to connection. */
interface HandshakeOptions {
  /** Takes the place of a `sni` that the context doesn't give (`auto_sni`). */
  readonly serverName: string;
  /** DNS name that the certificate must carry beside what the context demands (`auto_san_validation`). */
  readonly requiredName: string | undefined;
  /** Aborts the handshake. */
  readonly signal: AbortSignal;
}

/** Client side of TLS of one cluster or transport socket match. */
export interface UpstreamTls {
  readonly material: WatchedMaterial['material'];
  readonly initialFetchTimeoutMs: number | undefined;
  readonly sni: string;
  /** Exact SANs that the server must have one of, for clients that do TLS themselves. */
  readonly expectedNames: readonly string[];
  /** Handshakes over a connected stream. @throws ConnectFailure with reason `tls`; the stream is destroyed then */
  handshake(stream: Duplex, options: HandshakeOptions): Promise<TLSSocket>;
  dispose(): void;
}

/** Compiles `UpstreamTlsContext`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function createUpstreamTls(
  config: envoy_extensions_transport_sockets_tls_v3_UpstreamTlsContext,
  path: string,
  surroundings: TlsSurroundings,
): UpstreamTls {
  refuseFields(config, path, ['allowRenegotiation']);
  const common = config.commonTlsContext ?? {};
  const watched = watchMaterial(common, `${path}.common_tls_context`, surroundings);
  if (boolOr(config.enforceRsaKeyUsage, false))
    throw invalidConfig(`${path}.enforce_rsa_key_usage`, 'is not supported');
  const sni = config.sni ?? '';
  const validation = common.validationContext ?? common.combinedValidationContext?.defaultValidationContext;
  return {
    material: watched.material,
    initialFetchTimeoutMs: watched.initialFetchTimeoutMs,
    sni,
    expectedNames: (validation?.matchSubjectAltNames ?? []).flatMap(({ exact }) => exact ?? []),
    dispose: watched.dispose,
    handshake(stream, options) {
      const material = watched.material.current;
      if (!material) {
        stream.destroy();
        return Promise.reject(new ConnectFailure('tls', 'the certificates have not come yet'));
      }
      const serverName = sni || options.serverName;
      return new Promise((resolve, reject) => {
        const socket = connect({
          ...material.options,
          socket: stream,
          // No session is offered, so none is resumed: trust is asked anew each time.
          ...(serverName !== '' ? { servername: serverName } : {}),
          ...(watched.alpnProtocols.length > 0 ? { ALPNProtocols: [...watched.alpnProtocols] } : {}),
          rejectUnauthorized: material.verifies,
          // Envoy looks at names only where it is told to; `check` and `requiredName` are all of it.
          checkServerIdentity: () => undefined,
        });
        const fail = (message: string, cause?: unknown): void => {
          options.signal.removeEventListener('abort', abort);
          socket.destroy();
          stream.destroy();
          reject(new ConnectFailure('tls', message, cause));
        };
        const abort = (): void => fail('the TLS handshake took too long');
        const onError = (error: Error): void => fail(`TLS handshake failed: ${messageOf(error)}`, error);
        const onClose = (): void => fail('the server went away during the TLS handshake');
        if (options.signal.aborted) return abort();
        options.signal.addEventListener('abort', abort, { once: true });
        socket.once('error', onError);
        socket.once('close', onClose);
        socket.once('secureConnect', () => {
          const certificate = socket.getPeerX509Certificate();
          const complaint = certificate ? material.check?.(certificate) : 'the server showed no certificate';
          if (complaint && (material.check || material.verifies)) return fail(`TLS: ${complaint}`);
          const { requiredName } = options;
          if (requiredName !== undefined && certificate && !certificate.checkHost(requiredName)) {
            const names = subjectNames(certificate).dnsNames.join(', ') || 'nobody';
            return fail(`TLS: the certificate is for ${names}, not for ${requiredName}`);
          }
          options.signal.removeEventListener('abort', abort);
          socket.off('error', onError);
          socket.off('close', onClose);
          socket.pause();
          resolve(socket);
        });
      });
    },
  };
}
