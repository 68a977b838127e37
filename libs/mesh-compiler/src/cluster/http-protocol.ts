import {
  durationMs,
  enumOf,
  type envoy_config_core_v3_HttpProtocolOptions as CommonOptions,
  type envoy_extensions_upstreams_http_v3_HttpProtocolOptions as HttpProtocolOptions,
  type google_protobuf_Any,
  type istio_networking_v1alpha3_ConnectionPoolSettings as ConnectionPool,
  packAny,
} from '@lateen/protos';
import { isHttp2, isSniffed, type Protocol } from '../model/protocol.ts';
import { type Proxy, speaksHttp2 } from '../model/proxy.ts';
import type { ClusterTls } from './tls-settings.ts';

const upgrade = enumOf('istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings.H2UpgradePolicy');
const optionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What decides over the HTTP versions of a cluster. */
export interface HttpProtocolInput {
  readonly proxy: Proxy;
  readonly protocol: Protocol;
  readonly tls: ClusterTls;
  readonly pool: ConnectionPool | undefined;
}

type Http = NonNullable<ConnectionPool['http']>;

function commonOptions(http: Http | undefined, pool: ConnectionPool | undefined): CommonOptions | undefined {
  const idle = http?.idleTimeout;
  const perConnection = http?.maxRequestsPerConnection;
  const age = pool?.tcp?.maxConnectionDuration;
  if (!idle && !perConnection && !age) return undefined;
  return {
    ...(idle ? { idleTimeout: idle } : {}),
    ...(perConnection ? { maxRequestsPerConnection: { value: perConnection } } : {}),
    ...(age ? { maxConnectionDuration: age } : {}),
  };
}

function versionOf(input: HttpProtocolInput): 'default' | 'http1' | 'http2' | 'downstream' {
  const http = input.pool?.http;
  if (isHttp2(input.protocol)) return 'http2';
  if (http?.useClientProtocol && speaksHttp2(input.proxy)) return 'downstream';
  if (input.protocol === 'http' && http?.h2UpgradePolicy === upgrade.UPGRADE && speaksHttp2(input.proxy))
    return 'http2';
  if (isSniffed(input.protocol) && speaksHttp2(input.proxy)) return 'downstream';
  return 'default';
}

/**
 * `typed_extension_protocol_options` of a cluster. HTTP/1.1 without any option is Envoy's default and stays unsaid;
 * ports that speak HTTP/2 say so; a sniffed port follows the caller's version.
 */
export function httpProtocolOptions(
  input: HttpProtocolInput,
): { [key: string]: google_protobuf_Any } | undefined {
  const http = input.pool?.http;
  const version = versionOf(input);
  const common = commonOptions(http, input.pool);
  const autoSni = input.tls.kind === 'always' && input.tls.autoSni;
  if (version === 'default' && !common && !autoSni) return undefined;
  const streams = http?.maxConcurrentStreams;
  const interval = durationMs(http?.http2KeepAlive?.interval);
  const h2 = {
    ...(streams ? { maxConcurrentStreams: { value: streams } } : {}),
    ...(interval
      ? {
          connectionKeepalive: {
            interval: http?.http2KeepAlive?.interval,
            timeout: http?.http2KeepAlive?.timeout,
          },
        }
      : {}),
  };
  const options: HttpProtocolOptions = {
    ...(common ? { commonHttpProtocolOptions: common } : {}),
    ...(autoSni
      ? {
          upstreamHttpProtocolOptions: {
            autoSni: true,
            ...(input.tls.kind === 'always' && input.tls.verified ? { autoSanValidation: true } : {}),
          },
        }
      : {}),
    ...(version === 'http2'
      ? { explicitHttpConfig: { http2ProtocolOptions: h2 } }
      : version === 'downstream'
        ? { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: h2 } }
        : { explicitHttpConfig: { httpProtocolOptions: {} } }),
  };
  return { [optionsName]: packAny(optionsName, options) };
}

/**
 * Options of clusters that pass requests through in whatever version they came. `byName`: the cluster resolves the
 * request's host, which then is the name that a TLS server would have to prove.
 */
export function passthroughHttpOptions(proxy: Proxy, byName = false): { [key: string]: google_protobuf_Any } {
  const options: HttpProtocolOptions = {
    commonHttpProtocolOptions: { idleTimeout: { seconds: 300, nanos: 0 } },
    ...(byName ? { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true } } : {}),
    ...(speaksHttp2(proxy)
      ? { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} } }
      : { explicitHttpConfig: { httpProtocolOptions: {} } }),
  };
  return { [optionsName]: packAny(optionsName, options) };
}

/** Options of a cluster that speaks HTTP/2 always, as gRPC servers do. */
export function http2Options(): { [key: string]: google_protobuf_Any } {
  return { [optionsName]: packAny(optionsName, { explicitHttpConfig: { http2ProtocolOptions: {} } }) };
}
