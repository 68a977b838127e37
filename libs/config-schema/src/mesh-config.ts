import type { istio_mesh_v1alpha1_MeshConfig, k8s_io_api_core_v1_ConfigMap } from '@lateen/protos';
import { decodeMessage } from './decoder.ts';
import { parseDocuments } from './document.ts';
import { describeNode, type Node, nodeOfJson } from './node.ts';
import type { ConfigObject } from './object.ts';
import { Report } from './report.ts';
import { checkMeshSettings } from './rules/mesh-settings.ts';

/** Name of the ConfigMap, in the root namespace, whose key `mesh` is the mesh's settings. */
export const meshConfigMapName = 'istio';

/** Defaults. Source: Istio pkg/config/mesh/mesh.go, DefaultMeshConfig and DefaultProxyConfig. */
const defaults = {
  trustDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  enableAutoMtls: true,
  enableTracing: true,
  enablePrometheusMerge: true,
  accessLogFile: '',
  accessLogEncoding: 'TEXT',
  proxyListenPort: 15001,
  proxyInboundListenPort: 15006,
  connectTimeout: '10s',
  dnsRefreshRate: '60s',
  protocolDetectionTimeout: '0s',
  ingressService: 'istio-ingressgateway',
  ingressControllerMode: 'STRICT',
  ingressClass: 'istio',
  outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
  inboundTrafficPolicy: { mode: 'PASSTHROUGH' },
  localityLbSetting: { enabled: true },
  defaultServiceExportTo: ['*'],
  defaultVirtualServiceExportTo: ['*'],
  defaultDestinationRuleExportTo: ['*'],
  defaultConfig: {
    configPath: './etc/istio/proxy',
    binaryPath: '/usr/local/bin/envoy',
    serviceCluster: 'istio-proxy',
    drainDuration: '45s',
    terminationDrainDuration: '5s',
    discoveryAddress: 'istiod.istio-system.svc:15012',
    proxyAdminPort: 15000,
    controlPlaneAuthPolicy: 'MUTUAL_TLS',
    statNameLength: 189,
    statusPort: 15020,
  },
  extensionProviders: [
    { name: 'prometheus', prometheus: {} },
    { name: 'stackdriver', stackdriver: {} },
    { name: 'envoy', envoyFileAccessLog: { path: '/dev/stdout' } },
  ],
} as const;

type MeshConfig = istio_mesh_v1alpha1_MeshConfig;

/** Settings about Mixer, which MeshConfig had until 1.5. Absent means false. Source: Istio API 1.4, MeshConfig. */
export interface MixerSettings {
  /** Requests pass where Mixer can't be asked. */
  readonly policyCheckFailOpen?: boolean;
  readonly disablePolicyChecks?: boolean;
  readonly enableClientSidePolicyCheck?: boolean;
  readonly disableMixerHttpReports?: boolean;
}

const mixerFields = [
  'policyCheckFailOpen',
  'disablePolicyChecks',
  'enableClientSidePolicyCheck',
  'disableMixerHttpReports',
] as const;

function isMixerField(key: string): key is keyof MixerSettings {
  return (mixerFields as readonly string[]).includes(key);
}

/** Takes the settings about Mixer out of the document. */
function mixerSettings(root: Node, report: Report): { settings: MixerSettings; rest: Node } {
  if (root.kind !== 'map') return { settings: {}, rest: root };
  const settings: { -readonly [Field in keyof MixerSettings]: boolean } = {};
  for (const { key, value } of root.entries) {
    if (!isMixerField(key)) continue;
    if (value.kind === 'scalar' && typeof value.value === 'boolean') settings[key] = value.value;
    else report.error(`data.mesh.${key}`, `expected true or false, found ${describeNode(value)}`);
  }
  return { settings, rest: { ...root, entries: root.entries.filter(({ key }) => !isMixerField(key)) } };
}

const message = 'istio.mesh.v1alpha1.MeshConfig';

function defaultMeshConfig(): MeshConfig {
  return decodeMessage(message, nodeOfJson(defaults), { report: new Report() });
}

function parse(text: string, report: Report): (MeshConfig & MixerSettings) | undefined {
  const { documents, violations } = parseDocuments(text);
  for (const violation of violations) report.error('data.mesh', violation.message, violation.hint);
  const [document] = documents;
  if (!document) return undefined;
  if (documents.length > 1) report.error('data.mesh', 'expected one document of mesh settings');
  const inner = new Report();
  const { settings, rest } = mixerSettings(document.root, report);
  const decoded = decodeMessage(message, rest, { report: inner, unknownFields: 'warning' });
  for (const { path, message: text, severity, hint } of inner.violations) {
    report.at(severity, { path: path === '' ? 'data.mesh' : `data.mesh.${path}`, message: text, hint });
  }
  return Object.assign(decoded, settings);
}

/** Reports what is wrong with the text of mesh settings. Unknown fields warn: they come and go with Istio's releases. */
export function checkMeshConfig(text: string, report: Report): void {
  const settings = parse(text, report);
  if (settings && !report.hasErrors) checkMeshSettings(settings, 'data.mesh', report);
}

/** Own fields of `over` in front of those of `base`. */
function merged<T extends object>(base: T, over: T | undefined): T {
  return Object.assign(Object.create(Object.getPrototypeOf(base) as object), base, over) as T;
}

/**
 * The mesh's settings: Istio's defaults overlaid with the key `mesh` of the ConfigMap `istio`. `defaultConfig` is merged
 * field by field, extension providers by name, everything else is replaced. What is wrong in the text was refused when
 * the ConfigMap was decoded and is left out here.
 */
export function meshConfigOf(
  configMap: ConfigObject<k8s_io_api_core_v1_ConfigMap> | undefined,
): MeshConfig & MixerSettings {
  const base = defaultMeshConfig();
  const text = configMap?.spec.data?.mesh;
  const given = text === undefined ? undefined : parse(text, new Report());
  if (!given) return base;
  const config: MeshConfig & MixerSettings = merged(base, given);
  if (base.defaultConfig) config.defaultConfig = merged(base.defaultConfig, given.defaultConfig);
  const providers = new Map((base.extensionProviders ?? []).map((provider) => [provider.name, provider]));
  for (const provider of given.extensionProviders ?? []) providers.set(provider.name, provider);
  config.extensionProviders = [...providers.values()];
  return config;
}
