import type {
  envoy_extensions_transport_sockets_tls_v3_SdsSecretConfig,
  envoy_extensions_transport_sockets_tls_v3_Secret,
} from '@lateen/protos';
import type { Unsubscribe } from '@lateen/runtime';

/** A secret that changes; `undefined` until the first one came. */
export interface SecretWatch {
  readonly current: envoy_extensions_transport_sockets_tls_v3_Secret | undefined;
  subscribe(
    listener: (secret: envoy_extensions_transport_sockets_tls_v3_Secret | undefined) => void,
  ): Unsubscribe;
}

/** Where TLS contexts get their secrets: static ones, ADS, or an SDS server. */
export interface SecretSource {
  /**
   * Asks for a secret; asking twice shares it.
   * @throws LateenError LTN_CONFIG_INVALID naming `path` when the source is not supported or has no such secret
   */
  watch(config: envoy_extensions_transport_sockets_tls_v3_SdsSecretConfig, path: string): SecretWatch;
}
