import { attribute, type AttributeSource, type AttributeValue } from '@lateen/attributes';
import type { ConfigObject } from '@lateen/config-schema';
import type { istio_networking_v1alpha3_WorkloadEntry } from '@lateen/protos';

type Side = 'source' | 'destination';
const sides: readonly Side[] = ['source', 'destination'];

interface Workload {
  /** `/ns/NS/sa/SA`, the end of the principal that the workload proves itself with; empty when unknown. */
  readonly identity: string;
  /** Attributes by side and full name. */
  readonly attributes: Readonly<Record<Side, ReadonlyMap<string, AttributeValue>>>;
}

/**
 * What the mesh's own registry knows of the workloads at both ends, as Istio's `kubernetesenv` adapter knows it of
 * pods: labels, workload, service account, by `source.uid` and `destination.uid` (`kubernetes://NAME.NAMESPACE`).
 */
export class WorkloadAttributes {
  #workloads: ReadonlyMap<string, Workload> = new Map();

  /** Takes the registry's entries. */
  set(entries: Iterable<ConfigObject<istio_networking_v1alpha3_WorkloadEntry>>): void {
    const workloads = new Map<string, Workload>();
    for (const { metadata, spec } of entries) {
      workloads.set(`kubernetes://${metadata.name}.${metadata.namespace}`, workloadOf(metadata, spec));
    }
    this.#workloads = workloads;
  }

  /**
   * The attributes with the registry's on top. A source is a claim of its proxy: what the registry knows of it counts
   * only when the caller's certificate, if there is one, is that workload's.
   */
  over(source: AttributeSource): AttributeSource {
    if (this.#workloads.size === 0) return source;
    const found = new Map<Side, Workload | undefined>();
    const workload = (side: Side): Workload | undefined => {
      if (!found.has(side)) found.set(side, this.#find(side, source));
      return found.get(side);
    };
    return {
      get(name) {
        const side = sides.find((candidate) => name.startsWith(`${candidate}.`));
        if (!side || name === `${side}.uid` || name === `${side}.principal`) return source.get(name);
        return (
          (derived.has(name) ? workload(side)?.attributes[side].get(name) : undefined) ?? source.get(name)
        );
      },
    };
  }

  #find(side: Side, source: AttributeSource): Workload | undefined {
    const uid = source.get(`${side}.uid`);
    const workload = uid?.kind === 'string' ? this.#workloads.get(uid.value) : undefined;
    if (!workload || side === 'destination') return workload;
    const principal = source.get('source.principal');
    const proven = principal?.kind !== 'string' || principal.value.endsWith(workload.identity);
    return proven ? workload : undefined;
  }
}

const fields = [
  'name',
  'namespace',
  'labels',
  'serviceAccount',
  'workload.uid',
  'workload.name',
  'workload.namespace',
];
const derived: ReadonlySet<string> = new Set(
  sides.flatMap((side) => fields.map((field) => `${side}.${field}`)),
);

function workloadOf(
  metadata: ConfigObject['metadata'],
  spec: istio_networking_v1alpha3_WorkloadEntry,
): Workload {
  const { name, namespace } = metadata;
  const labels = new Map([...Object.entries(metadata.labels), ...Object.entries(spec.labels ?? {})]);
  const serviceAccount = spec.serviceAccount ?? '';
  const of = (side: Side): ReadonlyMap<string, AttributeValue> =>
    new Map([
      [`${side}.name`, attribute.string(name)],
      [`${side}.namespace`, attribute.string(namespace)],
      [`${side}.labels`, attribute.stringMap(labels)],
      [`${side}.serviceAccount`, attribute.string(serviceAccount)],
      [`${side}.workload.uid`, attribute.string(`istio://${namespace}/workloads/${name}`)],
      [`${side}.workload.name`, attribute.string(name)],
      [`${side}.workload.namespace`, attribute.string(namespace)],
    ]);
  return {
    identity: serviceAccount === '' ? '' : `/ns/${namespace}/sa/${serviceAccount}`,
    attributes: { source: of('source'), destination: of('destination') },
  };
}
