import { type KindDefinition, kinds } from '@lateen/config-schema';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const statusVerbs = ['get', 'patch', 'update'];

/** A discovery answer: the body and the media type that says its form. */
export interface Discovery {
  readonly body: object;
  readonly type: string;
}

const plain = 'application/json';
const aggregated =
  /application\/json;(?=[^,]*\bg=apidiscovery\.k8s\.io\b)(?=[^,]*\bas=APIGroupDiscoveryList\b)[^,]*\bv=(v2(?:beta1)?)\b/;

/**
 * Answer to a discovery path, or `undefined` when the path is none. Clients that accept it get all groups at once, under
 * the media type that they named; under another one they would misread it. Source: Kubernetes meta/v1, apidiscovery/v2.
 */
export function discoveryOf(path: string, accept = ''): Discovery | undefined {
  const version = path === '/api' || path === '/apis' ? aggregated.exec(accept)?.[1] : undefined;
  if (version !== undefined) {
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    return { body: groupDiscoveryList(path === '/api' ? [''] : groups(), version), type };
  }
  const body = bodyOf(path);
  return body && { body, type: plain };
}

function bodyOf(path: string): object | undefined {
  const words = path.split('/').slice(1);
  if (path === '/version') {
    return {
      major: '1',
      minor: '33',
      gitVersion: 'v1.33.0+lateen',
      gitCommit: '',
      gitTreeState: 'clean',
      buildDate: '',
      goVersion: '',
      compiler: '',
      platform: 'lateen',
    };
  }
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (path === '/api/v1') return resourceList('v1', kindsOf('', 'v1'));
  if (words[0] !== 'apis') return undefined;
  if (words.length === 1) {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map((group) => groupOf(group)) };
  }
  const [, group, version] = words;
  if (group === undefined || !groups().includes(group)) return undefined;
  if (words.length === 2) return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) };
  if (words.length > 3 || version === undefined || !versionsOf(group).includes(version)) return undefined;
  return resourceList(`${group}/${version}`, kindsOf(group, version));
}

function groups(): string[] {
  return [...new Set(kinds.map((kind) => kind.group))].filter((group) => group !== '');
}

/** Served versions; what most of the group's kinds prefer comes first, since clients take the first that has a kind. */
function versionsOf(group: string): string[] {
  return [...new Set(kinds.filter((kind) => kind.group === group).flatMap((kind) => kind.versions))];
}

function kindsOf(group: string, version: string): KindDefinition[] {
  return kinds.filter((kind) => kind.group === group && kind.versions.includes(version));
}

function groupOf(name: string): object {
  const versions = versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

/** `kubectl get istio-io` shows all of Istio's kinds. Source: Istio's CRDs. */
function categoriesOf({ group }: KindDefinition): string[] {
  if (group === '') return [];
  return group.endsWith('istio.io') ? ['istio-io', group.replace(/\.istio\.io$/, '-istio-io')] : [];
}

function resourceList(groupVersion: string, served: readonly KindDefinition[]): object {
  const resources = served.flatMap((definition) => {
    const { plural, singular, namespaced, kind, shortNames } = definition;
    const categories = categoriesOf(definition);
    return [
      {
        name: plural,
        singularName: singular,
        namespaced,
        kind,
        verbs,
        ...(shortNames.length > 0 ? { shortNames } : {}),
        ...(categories.length > 0 ? { categories } : {}),
      },
      { name: `${plural}/status`, singularName: '', namespaced, kind, verbs: statusVerbs },
    ];
  });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function groupDiscoveryList(names: readonly string[], discoveryVersion: string): object {
  const items = names.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versionsOf(group).map((version) => ({
      version,
      resources: kindsOf(group, version).map((definition) => {
        const { kind, plural, singular, namespaced, shortNames } = definition;
        const responseKind = { group, version, kind };
        const categories = categoriesOf(definition);
        return {
          resource: plural,
          responseKind,
          scope: namespaced ? 'Namespaced' : 'Cluster',
          singularResource: singular,
          verbs,
          ...(shortNames.length > 0 ? { shortNames } : {}),
          ...(categories.length > 0 ? { categories } : {}),
          subresources: [{ subresource: 'status', responseKind, verbs: statusVerbs }],
        };
      }),
      freshness: 'Current',
    })),
  }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${discoveryVersion}`,
    metadata: {},
    items,
  };
}
