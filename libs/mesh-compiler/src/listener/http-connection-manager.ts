import {
  enumOf,
  type envoy_config_listener_v3_Filter as Filter,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager as HttpConnectionManager,
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter,
  packAny,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import { accessLogs } from './access-log.ts';

const certDetails = enumOf(
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ForwardClientCertDetails',
);
const slashes = enumOf(
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.PathWithEscapedSlashesAction',
);
const normalization = enumOf('istio.mesh.v1alpha1.MeshConfig.ProxyPathNormalization.NormalizationType');
const versions = enumOf('envoy.config.core.v3.ApiVersion');

/** What differs between the connection managers of a proxy. */
export interface ConnectionManagerOptions {
  readonly statPrefix: string;
  /** Routes by name, fetched by RDS, or given whole. */
  readonly routes: string | RouteConfiguration;
  readonly httpFilters: readonly HttpFilter[];
  readonly side: 'inbound' | 'outbound' | 'gateway';
  /** The port declares HTTP/2. */
  readonly http2?: boolean;
  /** Takes absolute-form targets and CONNECT, as an HTTP proxy does. */
  readonly proxy?: { readonly connect: boolean };
}

function pathFields(model: MeshModel): Partial<HttpConnectionManager> {
  switch (model.mesh.pathNormalization?.normalization ?? normalization.DEFAULT) {
    case normalization.NONE:
      return { pathWithEscapedSlashesAction: slashes.KEEP_UNCHANGED };
    case normalization.MERGE_SLASHES:
      return {
        normalizePath: { value: true },
        mergeSlashes: true,
        pathWithEscapedSlashesAction: slashes.KEEP_UNCHANGED,
      };
    case normalization.DECODE_AND_MERGE_SLASHES:
      return {
        normalizePath: { value: true },
        mergeSlashes: true,
        pathWithEscapedSlashesAction: slashes.UNESCAPE_AND_FORWARD,
      };
    default:
      return { normalizePath: { value: true }, pathWithEscapedSlashesAction: slashes.KEEP_UNCHANGED };
  }
}

function identityFields(side: ConnectionManagerOptions['side']): Partial<HttpConnectionManager> {
  if (side === 'outbound') return { useRemoteAddress: { value: false } };
  if (side === 'gateway') {
    return {
      useRemoteAddress: { value: true },
      forwardClientCertDetails: certDetails.SANITIZE_SET,
      setCurrentClientCertDetails: { subject: { value: true }, cert: true, uri: true, dns: true },
      serverName: 'istio-envoy',
    };
  }
  return {
    useRemoteAddress: { value: false },
    forwardClientCertDetails: certDetails.APPEND_FORWARD,
    setCurrentClientCertDetails: { subject: { value: true }, uri: true, dns: true },
    serverName: 'istio-envoy',
  };
}

/** HTTP connection manager filter. */
export function connectionManagerFilter(model: MeshModel, options: ConnectionManagerOptions): Filter {
  const { routes, proxy } = options;
  const upgrades = [{ upgradeType: 'websocket' }, ...(proxy?.connect ? [{ upgradeType: 'CONNECT' }] : [])];
  const config: HttpConnectionManager = {
    statPrefix: options.statPrefix,
    ...(typeof routes === 'string'
      ? {
          rds: {
            configSource: { ads: {}, initialFetchTimeout: {}, resourceApiVersion: versions.V3 },
            routeConfigName: routes,
          },
        }
      : { routeConfig: routes }),
    httpFilters: options.httpFilters,
    ...identityFields(options.side),
    ...pathFields(model),
    proxy_100Continue: true,
    streamIdleTimeout: {},
    upgradeConfigs: upgrades,
    ...(proxy ? { httpProtocolOptions: { allowAbsoluteUrl: { value: true } } } : {}),
    ...(options.side === 'gateway' ? { httpProtocolOptions: {} } : {}),
    ...(options.http2 ? { http2ProtocolOptions: {} } : {}),
    requestIdExtension: {
      typedConfig: packAny('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', {
        useRequestIdForTraceSampling: { value: true },
      }),
    },
    ...accessLogs(model),
  };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typedConfig: packAny(
      'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      config,
    ),
  };
}
