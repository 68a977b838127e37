import { decodeMessage } from './decoder.ts';
import type { ConfigDocument } from './document.ts';
import type { KindDefinition } from './kind.ts';
import {
  legacyKind,
  legacyKindAnnotation,
  legacyKinds,
  legacyName,
  legacySpec,
  mixerGroup,
} from './legacy-kind.ts';
import { decodeMetadata } from './metadata.ts';
import {
  child,
  describeNode,
  entryOf,
  InputBounds,
  jsonOfNode,
  keySegment,
  type MapNode,
  type Node,
  nodeOfJson,
  offsetOfPath,
} from './node.ts';
import type { ConfigObject, ObjectMeta } from './object.ts';
import { kindInGroup, kinds, ownedGroups, splitApiVersion } from './registry.ts';
import { Report } from './report.ts';
import { didYouMean, editDistance } from './suggestion.ts';
import type { Position, Violation } from './violation.ts';

/** A document that is none of ours, left alone. */
export interface SkipNotice {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly reason: string;
  readonly position?: Position;
}

/** An object, or the notice why there is none, or neither when an error among the violations refuses it. */
export interface Decoded {
  readonly object?: ConfigObject;
  readonly skipped?: SkipNotice;
  readonly violations: readonly Violation[];
  /** Place of a field of the object in its text; `undefined` for JSON. */
  locate?(path: string): Position | undefined;
}

/** Options of decoding one object. */
export interface DecodeObjectOptions {
  /** Namespace of namespaced objects that name none. Default `default`. */
  readonly defaultNamespace?: string;
  /** Answers the object, as far as it could be read, although violations refuse it: for analysing texts as they stand. */
  readonly keepInvalid?: boolean;
}

const rootFields = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

function text(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' && node.value !== ''
    ? node.value
    : undefined;
}

/** Core kinds of Kubernetes that look like a slip of one of ours and aren't. */
const coreKinds: ReadonlySet<string> = new Set(['ServiceAccount', 'Endpoints', 'Pod', 'Node', 'Event']);

type Found = { definition: KindDefinition; legacy?: string } | { skip: string } | { refused: true };

function findKind(apiVersion: string, kind: string, report: Report): Found {
  const { group, version } = splitApiVersion(apiVersion);
  const legacy = group === mixerGroup ? legacyKind(kind) : undefined;
  const definition = kindInGroup(group, legacy ?? kind);
  if (definition) {
    if (definition.versions.includes(version))
      return legacy === undefined ? { definition } : { definition, legacy: kind };
    report.error(
      'apiVersion',
      `${kind} has no version "${version}", expected ${definition.versions.map((each) => `${group ? `${group}/` : ''}${each}`).join(', ')}`,
      didYouMean(version, definition.versions),
    );
    return { refused: true };
  }
  const candidates = kinds.filter((each) => each.group === group).map((each) => each.kind);
  if (group === mixerGroup) candidates.push(...legacyKinds);
  if (ownedGroups.has(group)) {
    report.error(
      'kind',
      `${group} has no kind "${kind.slice(0, 80)}"`,
      didYouMean(kind, candidates) ?? `its kinds are ${candidates.join(', ')}`,
    );
    return { refused: true };
  }
  if (group === '' && version === 'v1' && !coreKinds.has(kind)) {
    const slip = candidates.find((each) => editDistance(each.toLowerCase(), kind.toLowerCase(), 2) <= 2);
    if (slip) {
      report.error('kind', `v1 has no kind "${kind}"`, `did you mean "${slip}"?`);
      return { refused: true };
    }
  }
  const nearGroup = [...ownedGroups].find((each) => group !== '' && editDistance(each, group, 2) <= 2);
  if (nearGroup) {
    report.error('apiVersion', `unknown group "${group}"`, `did you mean "${nearGroup}"?`);
    return { refused: true };
  }
  return { skip: `${apiVersion} ${kind} is no kind of the mesh` };
}

/** The message's node: `spec`, or the object's own fields without those that every object has. */
function bodyOf(root: MapNode, definition: KindDefinition): Node {
  if (definition.body === 'root') {
    const entries = root.entries.filter(
      ({ key }) => !['apiVersion', 'kind', 'metadata', 'status'].includes(key),
    );
    return { kind: 'map', offset: root.offset, entries };
  }
  return child(root, 'spec') ?? { kind: 'map', offset: root.offset, entries: [] };
}

function unknownRootFields(root: MapNode, definition: KindDefinition, report: Report): void {
  if (definition.body === 'root') return;
  for (const { key, keyOffset } of root.entries) {
    if (rootFields.includes(key)) continue;
    const path = keySegment(key).replace(/^\./, '');
    report.at('error', {
      path,
      message: `unknown field "${key.slice(0, 80)}"`,
      offset: keyOffset,
      hint: didYouMean(key, rootFields) ?? 'is it a field of spec?',
    });
  }
}

function withLegacyKind(metadata: ObjectMeta, kind: string): ObjectMeta {
  const annotations: { [key: string]: string } = Object.assign(Object.create(null), metadata.annotations);
  annotations[legacyKindAnnotation] = kind;
  return { ...metadata, name: legacyName(kind, metadata.name), annotations };
}

function decodeRoot(
  root: MapNode,
  {
    report,
    position,
    defaultNamespace,
    keepInvalid,
  }: { report: Report; position: Position | undefined; defaultNamespace: string; keepInvalid: boolean },
): Decoded {
  const { violations } = report;
  const apiVersion = text(child(root, 'apiVersion'));
  const kind = text(child(root, 'kind'));
  for (const [field, value] of Object.entries({ apiVersion, kind })) {
    if (value !== undefined) continue;
    const entry = entryOf(root, field);
    if (entry) report.error(field, `expected text, found ${describeNode(entry.value)}`);
    else report.at('error', { path: field, message: `${field} is required`, offset: root.offset });
  }
  if (apiVersion === undefined || kind === undefined) return { violations };

  const found = findKind(apiVersion, kind, report);
  if ('refused' in found) return { violations };
  if ('skip' in found) {
    const metadata = child(root, 'metadata');
    const skipped = {
      apiVersion,
      kind,
      name: text(child(metadata, 'name')) ?? '',
      namespace: text(child(metadata, 'namespace')) ?? '',
      reason: found.skip,
      ...(position ? { position } : {}),
    };
    return { skipped, violations };
  }

  const { definition, legacy } = found;
  unknownRootFields(root, definition, report);
  let metadata = decodeMetadata(child(root, 'metadata'), definition, { report, defaultNamespace });
  const body = bodyOf(root, definition);
  const node = legacy === undefined ? body : legacySpec(legacy, body);
  const path = definition.body === 'root' ? '' : 'spec';
  const spec = decodeMessage(definition.message, node, { report, path });
  if (legacy !== undefined) {
    metadata = withLegacyKind(metadata, legacy);
    report.warning(
      'kind',
      `"${kind}" is the spelling before Istio 1.1`,
      `write it as ${definition.kind} with ${definition.kind === 'handler' ? 'compiledAdapter' : 'compiledTemplate'}: ${kind}`,
    );
  }
  if (definition.superseded)
    report.warning('kind', `${kind} has no effect in this release`, `use ${definition.superseded}`);
  if (definition.unsupported) report.warning('kind', definition.unsupported);
  // What couldn't be decoded is missing from the spec, and rules about it would complain of that once more.
  if (
    !report.hasErrors ||
    report.violations.every(({ path: at, severity }) => severity === 'warning' || !isInside(at, path))
  ) {
    definition.validate(spec, { metadata, report });
  }
  if (report.hasErrors && !keepInvalid) return { violations };
  const status = child(root, 'status');
  return {
    object: {
      apiVersion,
      kind: definition.kind,
      metadata,
      spec,
      ...(status ? { status: jsonOfNode(status) } : {}),
      ...(position ? { position } : {}),
    },
    violations,
  };
}

function isInside(path: string, body: string): boolean {
  return body === '' ? !path.startsWith('metadata') : path.startsWith(body);
}

/**
 * Decodes and validates one document: every problem at once, each with field path and place. Kinds of foreign groups
 * answer `skipped`; `status` is kept as it is and never read.
 */
export function decodeDocument(document: ConfigDocument, options: DecodeObjectOptions = {}): Decoded {
  const { root } = document;
  const pathOffset = (path: string): number => offsetOfPath(root, path);
  const report = new Report({ position: (offset) => document.positionOf(offset), pathOffset });
  if (root.kind !== 'map') {
    report.at('error', {
      path: '',
      message: `expected an object with apiVersion, kind and metadata, found ${describeNode(root)}`,
      offset: root.offset,
    });
    return { violations: report.violations };
  }
  const decoded = decodeRoot(root, {
    report,
    position: document.positionOf(root.offset),
    defaultNamespace: options.defaultNamespace ?? 'default',
    keepInvalid: options.keepInvalid ?? false,
  });
  return { ...decoded, locate: (path) => document.positionOf(pathOffset(path)) };
}

/** As `decodeDocument`, for a JSON value of the API; violations have no position. */
export function objectFromJson(json: unknown, options: DecodeObjectOptions = {}): Decoded {
  try {
    return decodeDocument({ root: nodeOfJson(json), positionOf: () => undefined }, options);
  } catch (error) {
    if (!(error instanceof InputBounds)) throw error;
    return { violations: [{ path: '', message: error.message, severity: 'error' }] };
  }
}
