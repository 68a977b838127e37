import { type KindDefinition, kinds } from '@lateen/config-schema';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Body of a discovery path, or `undefined` when the path is none. Source: Kubernetes meta/v1. */
export function discoveryOf(path: string): object | undefined {
  const words = path.split('/').slice(1);
  if (path === '/version')
    return { major: '1', minor: '33', gitVersion: 'v1.33.0+lateen', platform: 'lateen' };
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

function resourceList(groupVersion: string, served: readonly KindDefinition[]): object {
  const resources = served.map(({ plural, singular, namespaced, kind, shortNames }) => ({
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}
