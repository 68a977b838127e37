import {
  type envoy_config_core_v3_TransportSocket as TransportSocket,
  enumOf,
  type envoy_extensions_transport_sockets_tls_v3_CommonTlsContext as CommonTlsContext,
  type istio_networking_v1alpha3_ClientTLSSettings as ClientTls,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import { isHttp2, type Protocol } from '../model/protocol.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service, ServicePort } from '../model/service.ts';
import {
  fileSecret,
  controlPlaneSecret,
  meshClientTls,
  meshTlsParameters,
  upstreamTls,
} from '../secret/tls-context.ts';
import { mtlsServerName } from './cluster-name.ts';

const modes = enumOf('istio.networking.v1alpha3.ClientTLSSettings.TLSmode');

/** How a cluster secures its connections. */
export type ClusterTls =
  | { readonly kind: 'plain' }
  /** Per endpoint: those that announce mTLS get `socket`, others plain text. */
  | { readonly kind: 'auto'; readonly socket: TransportSocket }
  | {
      readonly kind: 'always';
      readonly socket: TransportSocket;
      /** The server name is the request's host. */
      readonly autoSni: boolean;
      /** TLS of the service itself, not the mesh's. */
      readonly foreign: boolean;
      readonly verified: boolean;
    };

/** The cluster that TLS is decided for. */
export interface TlsTarget {
  readonly service: Service;
  readonly port: ServicePort;
  readonly subset: string;
}

/** ALPNs that a mesh client offers: Istio's mark, and HTTP/2 where the port speaks nothing else. */
function meshAlpns(protocol: Protocol): string[] {
  return isHttp2(protocol) ? ['istio', 'h2'] : ['istio'];
}

/** SPIFFE ids of the service accounts behind a service port, then the names that the service itself lists. */
function serviceIdentities(model: MeshModel, service: Service, port: ServicePort): string[] {
  const ids = new Set<string>();
  for (const endpoint of model.endpoints(service, port)) {
    const { serviceAccount, namespace } = endpoint;
    if (serviceAccount) ids.add(`spiffe://${model.trustDomain}/ns/${namespace}/sa/${serviceAccount}`);
  }
  return [...ids, ...service.subjectAltNames.filter((name) => !ids.has(name))].sort();
}

function alpnOf(protocol: Protocol): string[] {
  return isHttp2(protocol) ? ['h2'] : [];
}

function fileContext(tls: ClientTls, proxy: Proxy, protocol: Protocol): CommonTlsContext | undefined {
  const alpn = alpnOf(protocol);
  const names = (tls.subjectAltNames ?? []).map((exact) => ({ exact }));
  const validation = {
    ...(names.length > 0 ? { matchSubjectAltNames: names } : {}),
    ...(tls.caCrl ? { crl: { filename: tls.caCrl } } : {}),
  };
  const base: CommonTlsContext = {
    tlsParams: meshTlsParameters,
    ...(alpn.length > 0 ? { alpnProtocols: alpn } : {}),
  };
  const mutual = tls.mode === modes.MUTUAL;
  if (tls.credentialName) {
    // Secrets are for gateways; a sidecar without a selector gets none and the cluster stays plain, as with istiod.
    if (proxy.type !== 'router') return undefined;
    const name = `kubernetes://${tls.credentialName}`;
    return {
      ...base,
      ...(mutual ? { tlsCertificateSdsSecretConfigs: [controlPlaneSecret(name)] } : {}),
      combinedValidationContext: {
        defaultValidationContext: validation,
        validationContextSdsSecretConfig: controlPlaneSecret(`${name}-cacert`),
      },
    };
  }
  const certificate = `file-cert:${tls.clientCertificate ?? ''}~${tls.privateKey ?? ''}`;
  const insecure = tls.insecureSkipVerify?.value === true;
  const root = tls.caCertificates ? `file-root:${tls.caCertificates}` : 'file-root:system';
  return {
    ...base,
    ...(mutual ? { tlsCertificateSdsSecretConfigs: [fileSecret(certificate)] } : {}),
    ...(insecure
      ? { validationContext: {} }
      : {
          combinedValidationContext: {
            defaultValidationContext: validation,
            validationContextSdsSecretConfig: fileSecret(root),
          },
        }),
  };
}

/** TLS of a cluster: what the traffic policy says, else the mesh's own where the service is of the mesh. */
export function clusterTls(
  model: MeshModel,
  proxy: Proxy,
  target: TlsTarget & { tls: ClientTls | undefined },
): ClusterTls {
  const { service, port, subset, tls } = target;
  const serverName = mtlsServerName(port.number, subset, service.host);
  const ids = serviceIdentities(model, service, port);
  if (!tls) {
    if (service.external || model.mesh.enableAutoMtls?.value === false) return { kind: 'plain' };
    if (model.peerAuthentications.namespaceMode(service.namespace) === 'disable') return { kind: 'plain' };
    if (service.resolution === 'passthrough' || service.headless) {
      const endpoints = model.endpoints(service, port);
      if (endpoints.length === 0 || endpoints.some(({ tlsMode }) => tlsMode !== 'istio'))
        return { kind: 'plain' };
    }
    return { kind: 'auto', socket: meshClientTls(ids, serverName, meshAlpns(port.protocol)) };
  }
  const mode = tls.mode ?? modes.DISABLE;
  if (mode === modes.DISABLE) return { kind: 'plain' };
  if (mode === modes.ISTIO_MUTUAL) {
    const listed = tls.subjectAltNames ?? [];
    const socket = meshClientTls(
      listed.length > 0 ? listed : ids,
      tls.sni || serverName,
      meshAlpns(port.protocol),
    );
    return { kind: 'always', socket, autoSni: false, foreign: false, verified: true };
  }
  const listed = tls.subjectAltNames ?? [];
  const names = listed.length > 0 ? listed : ids;
  const context = fileContext({ ...tls, subjectAltNames: names }, proxy, port.protocol);
  if (!context) return { kind: 'plain' };
  const socket = upstreamTls({ commonTlsContext: context, ...(tls.sni ? { sni: tls.sni } : {}) });
  return {
    kind: 'always',
    socket,
    autoSni: !tls.sni,
    foreign: true,
    verified: tls.insecureSkipVerify?.value !== true,
  };
}
