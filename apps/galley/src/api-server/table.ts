import { isJson } from '../store/field-set.ts';
import type { KubernetesObject } from '../store/catalog-entry.ts';

/** A column as kubectl prints it. `wide`: only with `-o wide`. */
interface Column {
  readonly name: string;
  readonly wide?: boolean;
  readonly cell: (object: KubernetesObject, nowMs: number) => unknown;
}

/** What of each object goes into its row beside the cells. Source: Kubernetes meta/v1 TableOptions. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

const at = (object: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, word) => (isJson(value) ? value[word] : undefined), object);
const field = (name: string, path: string, wide = false): Column => ({
  name,
  wide,
  cell: (object) => cellText(at(object, path)),
});
const cellText = (value: unknown): unknown =>
  value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : value;
const sizeOf = (value: unknown): number => (isJson(value) ? Object.keys(value).length : 0);

const age: Column = {
  name: 'Age',
  cell: ({ metadata }, nowMs) => ageText(nowMs - Date.parse(String(metadata.creationTimestamp))),
};
/** What the proxies say of an object, which Istio's own tables don't have. */
const programmed: Column = {
  name: 'Programmed',
  wide: true,
  cell: (object) => {
    const conditions = at(object, 'status.conditions');
    const found = Array.isArray(conditions)
      ? conditions.find((each) => isJson(each) && each.type === 'Programmed')
      : undefined;
    return isJson(found) ? `${String(found.status)}: ${String(found.message)}` : '';
  },
};
const ports: Column = {
  name: 'Port(s)',
  cell: (object) => {
    const list = at(object, 'spec.ports');
    if (!Array.isArray(list)) return '<none>';
    return list
      .map((port) => (isJson(port) ? `${String(port.port)}/${String(port.protocol ?? 'TCP')}` : ''))
      .join(',');
  },
};
const selector: Column = {
  name: 'Selector',
  wide: true,
  cell: (object) => {
    const labels = at(object, 'spec.selector');
    const pairs = isJson(labels) ? Object.entries(labels) : [];
    return pairs.map(([key, value]) => `${key}=${String(value)}`).join(',') || '<none>';
  },
};
const orNone = (name: string, path: string, other: string): Column => ({
  name,
  cell: (object) => cellText(at(object, path) ?? other),
});

/** Columns between name and age. Source: `additionalPrinterColumns` of Istio's CRDs, kubectl's printers for core. */
const columns: { readonly [kind: string]: readonly Column[] } = {
  VirtualService: [field('Gateways', 'spec.gateways'), field('Hosts', 'spec.hosts'), age, programmed],
  DestinationRule: [field('Host', 'spec.host'), age, programmed],
  ServiceEntry: [
    field('Hosts', 'spec.hosts'),
    field('Location', 'spec.location'),
    field('Resolution', 'spec.resolution'),
    age,
    programmed,
  ],
  WorkloadEntry: [age, field('Address', 'spec.address'), programmed],
  PeerAuthentication: [field('Mode', 'spec.mtls.mode'), age, programmed],
  AuthorizationPolicy: [field('Action', 'spec.action'), age, programmed],
  Service: [
    orNone('Type', 'spec.type', 'ClusterIP'),
    orNone('Cluster-IP', 'spec.clusterIP', '<none>'),
    orNone('External-IP', 'spec.externalName', '<none>'),
    ports,
    age,
    selector,
  ],
  Namespace: [
    {
      name: 'Status',
      cell: ({ metadata }) => (metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating'),
    },
    age,
  ],
  ConfigMap: [{ name: 'Data', cell: (object) => sizeOf(object.data) + sizeOf(object.binaryData) }, age],
  Secret: [
    orNone('Type', 'type', 'Opaque'),
    { name: 'Data', cell: (object) => sizeOf(object.data) + sizeOf(object.stringData) },
    age,
  ],
};

/** How rows are made. */
export interface TableOptions {
  readonly kind: string;
  readonly metadata: { readonly [field: string]: unknown };
  readonly includeObject: IncludeObject;
  /** Of a watch, only the first table says its columns. */
  readonly withColumns: boolean;
  readonly nowMs: number;
}

/** Objects as kubectl's table. Source: Kubernetes meta/v1 Table. */
export function tableOf(objects: readonly KubernetesObject[], options: TableOptions): KubernetesObject {
  const { kind, metadata, includeObject, nowMs } = options;
  const shown = Object.hasOwn(columns, kind) ? columns[kind]! : [age, programmed];
  const definitions = [
    { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
    ...shown.map(({ name, wide }) => ({
      name,
      type: 'string',
      format: '',
      description: '',
      priority: wide ? 1 : 0,
    })),
  ];
  const rows = objects.map((object) => ({
    cells: [object.metadata.name, ...shown.map(({ cell }) => cell(object, nowMs))],
    ...(includeObject === 'None' ? {} : { object: includeObject === 'Object' ? object : partial(object) }),
  }));
  const header = options.withColumns ? definitions : [];
  return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: header, rows };
}

function partial({ metadata }: KubernetesObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

/** As kubectl writes ages: `12s`, `5m`, `3h`, `2d`. */
function ageText(ms: number): string {
  if (!Number.isFinite(ms)) return '<unknown>';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return `${minutes}m${seconds % 60 === 0 ? '' : `${seconds % 60}s`}`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
