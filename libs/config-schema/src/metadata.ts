import type { KindDefinition } from './kind.ts';
import { describeNode, entryOf, keySegment, type Node } from './node.ts';
import type { ObjectMeta } from './object.ts';
import type { Report } from './report.ts';
import { didYouMean } from './suggestion.ts';

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const serviceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Is it an RFC 1123 label: lower-case letters, digits and dashes, at most 63? */
export function isDnsLabel(text: string): boolean {
  return label.test(text);
}

/** Is it an RFC 1123 subdomain of at most 253 characters? */
export function isSubdomain(text: string): boolean {
  return text.length <= 253 && subdomain.test(text);
}

/** What is wrong with a label's or annotation's key, if anything. Source: Kubernetes IsQualifiedName. */
export function labelKeyProblem(key: string): string | undefined {
  if (key === '') return 'empty key';
  const slash = key.indexOf('/');
  const [prefix, name] = slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
  if (prefix !== undefined && !isSubdomain(prefix))
    return `the prefix of the key "${key}" is no DNS subdomain`;
  if (!qualifiedName.test(name)) {
    return `the key "${key}" must be at most 63 letters, digits, "-", "_" or ".", and start and end with a letter or digit`;
  }
  return undefined;
}

/** What is wrong with a label's value, if anything. */
export function labelValueProblem(value: string): string | undefined {
  if (labelValue.test(value)) return undefined;
  return `the value "${value.slice(0, 80)}" must be at most 63 letters, digits, "-", "_" or ".", and start and end with a letter or digit`;
}

const nameForms = {
  subdomain: {
    test: isSubdomain,
    text: 'lower-case letters, digits, "-" and ".", starting and ending with a letter or digit (RFC 1123)',
  },
  label: { test: isDnsLabel, text: 'at most 63 lower-case letters, digits and "-" (RFC 1123 label)' },
  service: {
    test: (text: string) => serviceName.test(text),
    text: 'at most 63 lower-case letters, digits and "-", starting with a letter (RFC 1035 label)',
  },
} as const;

/** A name near `text` that every form takes. */
function lawfulName(text: string): string | undefined {
  const name = text
    .slice(0, 63)
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return name === '' || name === text ? undefined : `did you mean "${name}"?`;
}

const fields: readonly string[] = [
  'name',
  'generateName',
  'namespace',
  'labels',
  'annotations',
  'creationTimestamp',
  'resourceVersion',
  'generation',
  'uid',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'clusterName',
];

/** Bytes that all annotations of an object may have together. Source: Kubernetes. */
const annotationsLength = 256 * 1024;

function textOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

class MetadataReader {
  readonly #node: Node;
  readonly #report: Report;

  constructor(node: Node, report: Report) {
    this.#node = node;
    this.#report = report;
  }

  text(field: string): string | undefined {
    const entry = entryOf(this.#node, field);
    if (!entry || (entry.value.kind === 'scalar' && entry.value.value === null)) return undefined;
    const text = textOf(entry.value);
    if (text === undefined)
      this.#wrong(`metadata.${field}`, entry.value, `expected text, found ${describeNode(entry.value)}`);
    return text;
  }

  number(field: string): number | undefined {
    const value = entryOf(this.#node, field)?.value;
    return value?.kind === 'scalar' && typeof value.value === 'number' ? value.value : undefined;
  }

  map(field: 'labels' | 'annotations'): { [key: string]: string } {
    const result: { [key: string]: string } = Object.create(null);
    const node = entryOf(this.#node, field)?.value;
    if (!node || (node.kind === 'scalar' && node.value === null)) return result;
    if (node.kind !== 'map') {
      this.#wrong(`metadata.${field}`, node, `expected a mapping, found ${describeNode(node)}`);
      return result;
    }
    let length = 0;
    for (const { key, value, keyOffset } of node.entries) {
      const path = `metadata.${field}${keySegment(key)}`;
      const keyProblem = labelKeyProblem(key);
      if (keyProblem) this.#report.at('error', { path, message: keyProblem, offset: keyOffset });
      const isEmpty = value.kind === 'scalar' && value.value === null;
      const text = isEmpty ? '' : textOf(value);
      if (text === undefined) {
        const written =
          value.kind === 'scalar' ? `write "${value.plain ?? value.value}" in quotes` : undefined;
        this.#wrong(path, value, `expected text, found ${describeNode(value)}`, written);
        continue;
      }
      const valueProblem = field === 'labels' ? labelValueProblem(text) : undefined;
      if (valueProblem) this.#wrong(path, value, valueProblem);
      length += key.length + text.length;
      result[key] = text;
    }
    if (field === 'annotations' && length > annotationsLength) {
      this.#wrong(
        'metadata.annotations',
        node,
        `${length} characters are more than the ${annotationsLength} allowed`,
      );
    }
    return result;
  }

  unknownFields(): void {
    if (this.#node.kind !== 'map') return;
    for (const { key, keyOffset } of this.#node.entries) {
      if (fields.includes(key)) continue;
      const path = `metadata${keySegment(key)}`;
      this.#report.at('error', {
        path,
        message: `unknown field "${key.slice(0, 80)}"`,
        offset: keyOffset,
        hint: didYouMean(key, fields),
      });
    }
  }

  #wrong(path: string, node: Node, message: string, hint?: string): void {
    this.#report.at('error', { path, message, offset: node.offset, hint });
  }
}

/** Reads and checks `metadata`. Everything wrong goes to the report; what is missing answers empty. */
export function decodeMetadata(
  node: Node | undefined,
  definition: KindDefinition,
  { report, defaultNamespace }: { report: Report; defaultNamespace: string },
): ObjectMeta {
  if (node?.kind !== 'map') {
    const found = node ? `, found ${describeNode(node)}` : '';
    report.at('error', {
      path: 'metadata',
      message: `expected a mapping with the object's name${found}`,
      offset: node?.offset ?? 0,
    });
  }
  const reader = new MetadataReader(node ?? { kind: 'map', offset: 0, entries: [] }, report);
  const name = reader.text('name') ?? '';
  const form = nameForms[definition.nameForm];
  if (name === '') {
    if (node?.kind === 'map') report.error('metadata.name', 'a name is required');
  } else if (!form.test(name)) {
    report.error(
      'metadata.name',
      `"${name.slice(0, 80)}" is no valid name: expected ${form.text}`,
      lawfulName(name),
    );
  }
  let namespace = reader.text('namespace') ?? '';
  if (definition.namespaced) {
    if (namespace === '') namespace = defaultNamespace;
    if (!isDnsLabel(namespace)) {
      report.error(
        'metadata.namespace',
        `"${namespace.slice(0, 80)}" is no valid namespace: expected ${nameForms.label.text}`,
        lawfulName(namespace),
      );
    }
  } else if (namespace !== '') {
    report.warning('metadata.namespace', `${definition.kind} is cluster scoped, the namespace is ignored`);
    namespace = '';
  }
  reader.unknownFields();
  const creationTimestamp = reader.text('creationTimestamp');
  const resourceVersion = reader.text('resourceVersion');
  const uid = reader.text('uid');
  const generation = reader.number('generation');
  return {
    name,
    namespace,
    labels: reader.map('labels'),
    annotations: reader.map('annotations'),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(uid === undefined ? {} : { uid }),
  };
}
