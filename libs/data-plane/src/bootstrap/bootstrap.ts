import { invalidConfig, refuseFields } from '@lateen/matching';
import {
  decode,
  encode,
  type envoy_config_bootstrap_v3_Bootstrap,
  type envoy_config_core_v3_ApiConfigSource,
  enumName,
  fromJson,
  structJson,
} from '@lateen/protos';
import { LateenError, messageOf } from '@lateen/runtime';
import { parse } from 'yaml';
import { type NetworkAddress, readAddress } from './address.ts';

/** An Envoy v3 bootstrap, decoded. */
export type Bootstrap = envoy_config_bootstrap_v3_Bootstrap;

const message = 'envoy.config.bootstrap.v3.Bootstrap';

/** The xDS server of `dynamic_resources`. */
export interface AdsSource {
  readonly cluster: string;
  readonly mode: 'sotw' | 'delta';
}

/**
 * Reads a bootstrap from YAML or JSON (JSON is YAML).
 * @throws LateenError LTN_BOOTSTRAP_INVALID naming the field that is unknown, wrong or not supported
 */
export function parseBootstrap(text: string): Bootstrap {
  let bootstrap: Bootstrap;
  try {
    const json: unknown = parse(text);
    if (typeof json !== 'object' || json === null) throw new Error('the document is empty');
    bootstrap = fromJson(message, json);
    checkBootstrap(bootstrap);
  } catch (error) {
    throw new LateenError(`invalid bootstrap: ${messageOf(error)}`, {
      code: 'LTN_BOOTSTRAP_INVALID',
      origin: 'config',
      cause: error,
    });
  }
  return bootstrap;
}

/** Two bootstraps as one, as Envoy merges `--config-yaml` over `-c`: single fields are replaced, lists add up. */
export function mergeBootstraps(base: Bootstrap, over: Bootstrap): Bootstrap {
  // Concatenating encodings is what protobuf defines as merging.
  return decode(message, Buffer.concat([encode(message, base), encode(message, over)]));
}

// What changes how Envoy itself is built and measured, never what it answers.
const harmlessRuntimeKeys = /^(envoy|re2|overload)\./;

/** Refuses what would change behaviour and is not implemented. @throws LateenError LTN_CONFIG_INVALID */
export function checkBootstrap(bootstrap: Bootstrap): void {
  refuseFields(bootstrap, '', [
    'hdsConfig',
    'statsSinks',
    'tracing',
    'overloadManager',
    'headerPrefix',
    'configSources',
    'defaultConfigSource',
    'certificateProviderInstances',
    'xdsDelegateExtension',
    'defaultRegexEngine',
  ]);
  for (const [index, extension] of (bootstrap.bootstrapExtensions ?? []).entries()) {
    if (extension.name !== 'envoy.bootstrap.internal_listener') {
      throw invalidConfig(`bootstrap_extensions[${index}]`, `${extension.name ?? ''} is not supported`);
    }
  }
  for (const [index, layer] of (bootstrap.layeredRuntime?.layers ?? []).entries()) {
    const path = `layered_runtime.layers[${index}]`;
    refuseFields(layer, path, ['diskLayer', 'rtdsLayer']);
    const keys = layer.staticLayer ? Object.keys(flatten(structJson(layer.staticLayer))) : [];
    const unknown = keys.find((key) => !harmlessRuntimeKeys.test(key));
    if (unknown) throw invalidConfig(`${path}.static_layer`, `the runtime key ${unknown} is not supported`);
  }
  readAdsSource(bootstrap);
  readAdminAddress(bootstrap);
}

function flatten(json: { readonly [key: string]: unknown }, prefix = ''): Record<string, unknown> {
  const flat: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(json)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      Object.assign(flat, flatten(value as { readonly [key: string]: unknown }, `${prefix}${key}.`));
    } else flat[prefix + key] = value;
  }
  return flat;
}

/** Cluster and protocol of a gRPC config source. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function readGrpcSource(source: envoy_config_core_v3_ApiConfigSource, path: string): AdsSource {
  const type = enumName('envoy.config.core.v3.ApiConfigSource.ApiType', source.apiType ?? 0);
  const modes: Readonly<Record<string, AdsSource['mode']>> = {
    GRPC: 'sotw',
    AGGREGATED_GRPC: 'sotw',
    DELTA_GRPC: 'delta',
    AGGREGATED_DELTA_GRPC: 'delta',
  };
  const mode = Object.hasOwn(modes, type) ? modes[type] : undefined;
  if (!mode) throw invalidConfig(`${path}.api_type`, `${type} is not supported, only GRPC and DELTA_GRPC`);
  const services = source.grpcServices ?? [];
  const cluster = services[0]?.envoyGrpc?.clusterName ?? '';
  if (services.length !== 1 || cluster === '') {
    throw invalidConfig(
      `${path}.grpc_services`,
      'exactly one service with envoy_grpc.cluster_name is supported',
    );
  }
  return { cluster, mode };
}

/** The ADS server, if the bootstrap names one. @throws LateenError LTN_CONFIG_INVALID */
export function readAdsSource(bootstrap: Bootstrap): AdsSource | undefined {
  const dynamic = bootstrap.dynamicResources;
  if (!dynamic) return undefined;
  refuseFields(dynamic, 'dynamic_resources', ['ldsResourcesLocator', 'cdsResourcesLocator']);
  for (const field of ['ldsConfig', 'cdsConfig'] as const) {
    const path = `dynamic_resources.${field === 'ldsConfig' ? 'lds_config' : 'cds_config'}`;
    if (dynamic[field] && !dynamic[field].ads) throw invalidConfig(path, 'only ads is supported');
  }
  if (!dynamic.adsConfig) {
    if (dynamic.ldsConfig || dynamic.cdsConfig)
      throw invalidConfig('dynamic_resources.ads_config', 'is required');
    return undefined;
  }
  return readGrpcSource(dynamic.adsConfig, 'dynamic_resources.ads_config');
}

/** Where the admin server listens, if anywhere. @throws LateenError LTN_CONFIG_INVALID */
export function readAdminAddress(bootstrap: Bootstrap): NetworkAddress | undefined {
  const address = bootstrap.admin?.address;
  return address && readAddress(address, 'admin.address');
}
