import { addressBytes, compileCidr, invalidConfig, refuseFields } from '@lateen/matching';
import {
  durationMs,
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager as HttpConnectionManager,
} from '@lateen/protos';
import type { ClientCertificateOptions } from './client-certificate.ts';
import type { EscapedSlashes, PathOptions } from './path-normaliser.ts';

/** An HTTP connection manager's configuration, compiled. Times in milliseconds, `undefined`: no limit. */
export interface ManagerSettings {
  readonly statPrefix: string;
  /** `auto`: HTTP/2 where ALPN chose it. */
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  readonly idleTimeoutMs: number | undefined;
  readonly streamIdleTimeoutMs: number | undefined;
  readonly requestTimeoutMs: number | undefined;
  readonly requestHeadersTimeoutMs: number | undefined;
  readonly maxStreamDurationMs: number | undefined;
  readonly maxConnectionDurationMs: number | undefined;
  readonly drainTimeoutMs: number;
  readonly delayedCloseTimeoutMs: number;
  readonly maxRequestsPerConnection: number;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Names with an underscore: kept, refused (400), or dropped. */
  readonly underscores: 'allow' | 'reject' | 'drop';
  readonly useRemoteAddress: boolean;
  readonly trustedHops: number;
  readonly skipXffAppend: boolean;
  isInternal(address: string): boolean;
  readonly via: string;
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  readonly requestIdInResponse: boolean;
  readonly proxy100Continue: boolean;
  readonly appendForwardedPort: boolean;
  readonly clientCertificate: ClientCertificateOptions;
  readonly path: PathOptions;
  readonly stripPort: 'keep' | 'matching' | 'any';
  readonly stripTrailingDot: boolean;
  /** Scheme that overwrites what the transport says; `undefined`: keep. */
  readonly scheme: 'http' | 'https' | undefined;
  /** Upgrade types in lower case, `connect` included, that the manager lets through unless a route says otherwise. */
  readonly upgrades: ReadonlyMap<string, boolean>;
  readonly acceptHttp10: boolean;
  readonly defaultHost: string;
  readonly allowAbsoluteUrl: boolean;
  readonly keepCase: boolean;
  readonly trailers: boolean;
}

function optionalMs(
  duration: Parameters<typeof durationMs>[0] | undefined,
  otherwise: number | undefined,
): number | undefined {
  const ms = durationMs(duration);
  return ms === undefined ? otherwise : ms === 0 ? undefined : ms;
}

const escapedSlashes: readonly EscapedSlashes[] = [
  'keep',
  'keep',
  'reject',
  'unescape-redirect',
  'unescape-forward',
];

/**
 * Compiles the scalar fields of a connection manager. Routes, filters and access logs are compiled by their own rooms.
 * @throws LateenError LTN_CONFIG_INVALID naming a field that isn't supported or is wrong
 */
export function compileManagerSettings(config: HttpConnectionManager, path: string): ManagerSettings {
  refuseFields(config, path, [
    'scopedRoutes',
    'originalIpDetectionExtensions',
    'earlyHeaderMutationExtensions',
    'pathNormalizationOptions',
    'proxyStatusConfig',
    'typedHeaderValidationConfig',
    'addUserAgent',
    'appendLocalOverload',
    'representIpv4RemoteAddressAsIpv4MappedIpv6',
  ]);
  const common = config.commonHttpProtocolOptions;
  const http1 = config.httpProtocolOptions;
  if (http1)
    refuseFields(http1, `${path}.http_protocol_options`, ['allowChunkedLength', 'sendFullyQualifiedUrl']);
  if ((config.codecType ?? 0) > 2) throw invalidConfig(`${path}.codec_type`, 'is not supported');
  const cidrs = (config.internalAddressConfig?.cidrRanges ?? []).map((range, index) =>
    compileCidr(range, `${path}.internal_address_config.cidr_ranges[${index}]`),
  );
  const details = config.setCurrentClientCertDetails;
  const formatter = http1?.headerKeyFormat;
  if (formatter?.properCaseWords)
    throw invalidConfig(
      `${path}.http_protocol_options.header_key_format`,
      'proper_case_words is not supported',
    );
  return {
    statPrefix: config.statPrefix ?? '',
    codec: (['auto', 'http1', 'http2'] as const)[config.codecType ?? 0] ?? 'auto',
    serverName: config.serverName || 'envoy',
    serverHeader:
      (['overwrite', 'append-if-absent', 'pass-through'] as const)[config.serverHeaderTransformation ?? 0] ??
      'overwrite',
    idleTimeoutMs: optionalMs(common?.idleTimeout, 3_600_000),
    streamIdleTimeoutMs: optionalMs(config.streamIdleTimeout, 300_000),
    requestTimeoutMs: optionalMs(config.requestTimeout, undefined),
    requestHeadersTimeoutMs: optionalMs(config.requestHeadersTimeout, undefined),
    maxStreamDurationMs: optionalMs(common?.maxStreamDuration, undefined),
    maxConnectionDurationMs: optionalMs(common?.maxConnectionDuration, undefined),
    drainTimeoutMs: durationMs(config.drainTimeout) ?? 5000,
    delayedCloseTimeoutMs: durationMs(config.delayedCloseTimeout) ?? 1000,
    maxRequestsPerConnection: common?.maxRequestsPerConnection?.value ?? 0,
    maxHeadBytes: (config.maxRequestHeadersKb?.value ?? 60) * 1024,
    maxHeaders: common?.maxHeadersCount?.value ?? 100,
    underscores: (['allow', 'reject', 'drop'] as const)[common?.headersWithUnderscoresAction ?? 0] ?? 'allow',
    useRemoteAddress: config.useRemoteAddress?.value ?? false,
    trustedHops: config.xffNumTrustedHops ?? 0,
    skipXffAppend: config.skipXffAppend ?? false,
    isInternal: (address) => cidrs.some((range) => range.contains(addressBytes(address))),
    via: config.via ?? '',
    generateRequestId: config.generateRequestId?.value ?? true,
    preserveExternalRequestId: config.preserveExternalRequestId ?? false,
    requestIdInResponse: config.alwaysSetRequestIdInResponse ?? false,
    proxy100Continue: config.proxy_100Continue ?? false,
    appendForwardedPort: config.appendXForwardedPort ?? false,
    clientCertificate: {
      mode: config.forwardClientCertDetails ?? 0,
      subject: details?.subject?.value ?? false,
      cert: details?.cert ?? false,
      chain: details?.chain ?? false,
      dns: details?.dns ?? false,
      uri: details?.uri ?? false,
    },
    path: {
      normalize: config.normalizePath?.value ?? false,
      mergeSlashes: config.mergeSlashes ?? false,
      escapedSlashes: escapedSlashes[config.pathWithEscapedSlashesAction ?? 0] ?? 'keep',
    },
    stripPort: config.stripAnyHostPort ? 'any' : config.stripMatchingHostPort ? 'matching' : 'keep',
    stripTrailingDot: config.stripTrailingHostDot ?? false,
    scheme: schemeOf(config, path),
    upgrades: new Map(
      (config.upgradeConfigs ?? []).map((upgrade, index) => {
        refuseFields(upgrade, `${path}.upgrade_configs[${index}]`, ['filters']);
        return [(upgrade.upgradeType ?? '').toLowerCase(), upgrade.enabled?.value ?? true];
      }),
    ),
    acceptHttp10: http1?.acceptHttp_10 ?? false,
    defaultHost: http1?.defaultHostForHttp_10 ?? '',
    allowAbsoluteUrl: http1?.allowAbsoluteUrl?.value ?? true,
    keepCase: formatter?.statefulFormatter !== undefined,
    trailers: http1?.enableTrailers ?? false,
  };
}

function schemeOf(config: HttpConnectionManager, path: string): 'http' | 'https' | undefined {
  const scheme = config.schemeHeaderTransformation?.schemeToOverwrite;
  if (scheme === undefined || scheme === '') return undefined;
  if (scheme === 'http' || scheme === 'https') return scheme;
  throw invalidConfig(`${path}.scheme_header_transformation.scheme_to_overwrite`, 'must be http or https');
}
