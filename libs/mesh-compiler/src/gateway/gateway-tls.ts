import {
  type envoy_config_core_v3_TransportSocket as TransportSocket,
  type envoy_extensions_transport_sockets_tls_v3_CommonTlsContext as CommonTlsContext,
  type envoy_extensions_transport_sockets_tls_v3_SdsSecretConfig as SdsSecretConfig,
  enumOf,
  type istio_networking_v1alpha3_ServerTLSSettings as ServerTls,
} from '@lateen/protos';
import { serverAlpns } from '../listener/inbound-chains.ts';
import type { Proxy } from '../model/proxy.ts';
import { agentSecret, controlPlaneSecret, downstreamTls, fileSecret } from '../secret/tls-context.ts';

const modes = enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSmode');
const versions = enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSProtocol');
const envoyVersions = enumOf('envoy.extensions.transport_sockets.tls.v3.TlsParameters.TlsProtocol');
const versionByNumber: ReadonlyMap<number, number> = new Map<number, number>([
  [versions.TLSV1_0, envoyVersions.TLSv1_0],
  [versions.TLSV1_1, envoyVersions.TLSv1_1],
  [versions.TLSV1_2, envoyVersions.TLSv1_2],
  [versions.TLSV1_3, envoyVersions.TLSv1_3],
]);

interface Secrets {
  readonly certificates: readonly SdsSecretConfig[];
  /** Roots of client certificates. */
  readonly roots: SdsSecretConfig | undefined;
}

function secretsOf(tls: ServerTls): Secrets {
  if (tls.mode === modes.ISTIO_MUTUAL)
    return { certificates: [agentSecret('default')], roots: agentSecret('ROOTCA') };
  const wantsClients = tls.mode === modes.MUTUAL || tls.mode === modes.OPTIONAL_MUTUAL;
  const credentials =
    tls.credentialNames && tls.credentialNames.length > 0
      ? tls.credentialNames
      : tls.credentialName
        ? [tls.credentialName]
        : [];
  if (credentials.length > 0) {
    const name = tls.caCertCredentialName
      ? `kubernetes://${tls.caCertCredentialName}`
      : `kubernetes://${credentials[0] ?? ''}-cacert`;
    return {
      certificates: credentials.map((credential) => controlPlaneSecret(`kubernetes://${credential}`)),
      roots: wantsClients ? controlPlaneSecret(name) : undefined,
    };
  }
  const files =
    tls.tlsCertificates && tls.tlsCertificates.length > 0
      ? tls.tlsCertificates
      : [{ serverCertificate: tls.serverCertificate, privateKey: tls.privateKey }];
  return {
    certificates: files.map(({ serverCertificate, privateKey }) =>
      fileSecret(`file-cert:${serverCertificate ?? ''}~${privateKey ?? ''}`),
    ),
    roots: wantsClients ? fileSecret(`file-root:${tls.caCertificates ?? ''}`) : undefined,
  };
}

function parametersOf(tls: ServerTls): CommonTlsContext['tlsParams'] {
  const minimum = versionByNumber.get(tls.minProtocolVersion ?? 0);
  const maximum = versionByNumber.get(tls.maxProtocolVersion ?? 0);
  const ciphers = tls.cipherSuites ?? [];
  if (minimum === undefined && maximum === undefined && ciphers.length === 0) return undefined;
  return {
    ...(minimum === undefined ? {} : { tlsMinimumProtocolVersion: minimum }),
    ...(maximum === undefined ? {} : { tlsMaximumProtocolVersion: maximum }),
    ...(ciphers.length > 0 ? { cipherSuites: ciphers } : {}),
  };
}

/** Transport socket of a server that ends TLS: by Secret of the cluster, by files, or with the mesh's own identity. */
export function gatewayTls(tls: ServerTls, proxy: Proxy): TransportSocket {
  const { certificates, roots } = secretsOf(tls);
  const names = (tls.subjectAltNames ?? []).map((exact) => ({ exact }));
  const params = parametersOf(tls);
  const validation = {
    ...(names.length > 0 ? { matchSubjectAltNames: names } : {}),
    ...(tls.verifyCertificateSpki?.length ? { verifyCertificateSpki: tls.verifyCertificateSpki } : {}),
    ...(tls.verifyCertificateHash?.length ? { verifyCertificateHash: tls.verifyCertificateHash } : {}),
  };
  const required = tls.mode === modes.MUTUAL || tls.mode === modes.ISTIO_MUTUAL;
  return downstreamTls({
    commonTlsContext: {
      alpnProtocols: serverAlpns(proxy),
      tlsCertificateSdsSecretConfigs: certificates,
      ...(params ? { tlsParams: params } : {}),
      ...(roots
        ? {
            combinedValidationContext: {
              defaultValidationContext: validation,
              validationContextSdsSecretConfig: roots,
            },
          }
        : {}),
    },
    requireClientCertificate: { value: required },
  });
}
