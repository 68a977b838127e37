import {
  type envoy_config_core_v3_TransportSocket as TransportSocket,
  enumOf,
  type envoy_extensions_transport_sockets_tls_v3_CertificateValidationContext as ValidationContext,
  type envoy_extensions_transport_sockets_tls_v3_CommonTlsContext as CommonTlsContext,
  type envoy_extensions_transport_sockets_tls_v3_DownstreamTlsContext as DownstreamTlsContext,
  type envoy_extensions_transport_sockets_tls_v3_SdsSecretConfig as SdsSecretConfig,
  type envoy_extensions_transport_sockets_tls_v3_TlsParameters as TlsParameters,
  type envoy_extensions_transport_sockets_tls_v3_UpstreamTlsContext as UpstreamTlsContext,
  packAny,
} from '@lateen/protos';

const protocols = enumOf('envoy.extensions.transport_sockets.tls.v3.TlsParameters.TlsProtocol');
const apiTypes = enumOf('envoy.config.core.v3.ApiConfigSource.ApiType');
const versions = enumOf('envoy.config.core.v3.ApiVersion');

/** Ciphers that a sidecar takes from clients (istio/pilot/pkg/networking/util). */
const serverCiphers = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
];

const parameters: TlsParameters = {
  tlsMinimumProtocolVersion: protocols.TLSv1_2,
  tlsMaximumProtocolVersion: protocols.TLSv1_3,
};

/** SDS secret that the agent beside the proxy serves: the workload's certificate (`default`), the roots (`ROOTCA`), files. */
export function agentSecret(name: string): SdsSecretConfig {
  return {
    name,
    sdsConfig: {
      apiConfigSource: {
        apiType: apiTypes.GRPC,
        grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
        setNodeOnFirstMessageOnly: true,
        transportApiVersion: versions.V3,
      },
      initialFetchTimeout: {},
      resourceApiVersion: versions.V3,
    },
  };
}

/** SDS secret that the agent reads from files: `file-cert:CERT~KEY` or `file-root:CA`. */
export function fileSecret(name: string): SdsSecretConfig {
  const { initialFetchTimeout: _forEver, ...sdsConfig } = agentSecret(name).sdsConfig ?? {};
  return { name, sdsConfig };
}

/** SDS secret that the control plane serves over ADS: a Secret of the cluster, `kubernetes://NAME`. */
export function controlPlaneSecret(name: string): SdsSecretConfig {
  return { name, sdsConfig: { ads: {}, resourceApiVersion: versions.V3 } };
}

function workloadContext(validation: ValidationContext, alpn: readonly string[]): CommonTlsContext {
  return {
    alpnProtocols: alpn,
    tlsCertificateSdsSecretConfigs: [agentSecret('default')],
    combinedValidationContext: {
      defaultValidationContext: validation,
      validationContextSdsSecretConfig: agentSecret('ROOTCA'),
    },
  };
}

/** Transport socket of plain bytes. */
export function rawSocket(): TransportSocket {
  return {
    name: 'envoy.transport_sockets.raw_buffer',
    typedConfig: packAny('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
  };
}

/** Transport socket of a TLS server. */
export function downstreamTls(context: DownstreamTlsContext): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typedConfig: packAny('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', context),
  };
}

/** Transport socket of a TLS client. */
export function upstreamTls(context: UpstreamTlsContext): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typedConfig: packAny('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', context),
  };
}

/** The mesh's own mTLS, server side: the client must show a certificate of the trust domain. */
export function meshServerTls(trustDomains: readonly string[], alpn: readonly string[]): TransportSocket {
  const names = trustDomains.map((domain) => ({ prefix: `spiffe://${domain}/` }));
  return downstreamTls({
    commonTlsContext: {
      ...workloadContext({ matchSubjectAltNames: names }, alpn),
      tlsParams: { ...parameters, cipherSuites: serverCiphers },
    },
    requireClientCertificate: { value: true },
  });
}

/** The mesh's own mTLS, client side. `identities`: names of which the server must have one; empty: any of the mesh. */
export function meshClientTls(
  identities: readonly string[],
  serverName: string,
  alpn: readonly string[],
): TransportSocket {
  const names = identities.map((exact) => ({ exact }));
  return upstreamTls({
    commonTlsContext: {
      ...workloadContext(names.length > 0 ? { matchSubjectAltNames: names } : {}, alpn),
      tlsParams: parameters,
    },
    sni: serverName,
  });
}

/** TLS versions that the mesh's proxies take part in. */
export const meshTlsParameters: TlsParameters = parameters;
