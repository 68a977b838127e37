/** A resource type: where its objects live on an API server. */
export interface ResourceType {
  /** `v1` or `GROUP/VERSION`. */
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Path of a type's list in a namespace, of all namespaces when none is given, or of one object by name. */
export function resourcePath(type: ResourceType, namespace?: string, name?: string): string {
  const segments = type.apiVersion.includes('/')
    ? ['apis', ...type.apiVersion.split('/')]
    : ['api', type.apiVersion];
  if (type.namespaced && namespace !== undefined) segments.push('namespaces', namespace);
  segments.push(type.plural);
  if (name !== undefined) segments.push(name);
  return `/${segments.map(encodeURIComponent).join('/')}`;
}
