import { type ConfigObject, decodeDocument, definitionOf, parseDocuments } from '@lateen/config-schema';
import type { ConfigSnapshot } from '@lateen/mesh-compiler';

/** Snapshot of YAML documents; an object that names no namespace belongs to `namespace`. */
export function snapshotOf(text: string, namespace: string): ConfigSnapshot {
  const objects = new Map<string, Map<string, ConfigObject>>();
  for (const document of parseDocuments(text).documents) {
    const decoded = decodeDocument(document);
    const collection = decoded.object && definitionOf(decoded.object)?.collection;
    if (!decoded.object || !collection) continue;
    const { metadata } = decoded.object;
    const object: ConfigObject = {
      ...decoded.object,
      metadata: { ...metadata, namespace: metadata.namespace || namespace },
    };
    const known = objects.get(collection) ?? new Map<string, ConfigObject>();
    known.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
    objects.set(collection, known);
  }
  return { revision: 1, objects };
}
