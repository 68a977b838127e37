export { analyze, type AnalyzeOptions } from './analysis/analyze.ts';
export type { Finding, Locate } from './analysis/finding.ts';
export { type ConfigDocument, parseDocuments, type ParsedDocuments, textBounds } from './document.ts';
export {
  type Decoded,
  decodeDocument,
  type DecodeObjectOptions,
  objectFromJson,
  type SkipNotice,
} from './decode-object.ts';
export { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from './duration.ts';
export type { KindDefinition, ValidationContext } from './kind.ts';
export { fromMcpResource, toMcpResource } from './mcp-resource.ts';
export { meshConfigMapName, meshConfigOf, type MixerSettings } from './mesh-config.ts';
export { type ConfigObject, describeObject, type ObjectMeta } from './object.ts';
export { definitionOf, type JsonObject, legacySpelling, objectToJson, objectToYaml } from './object-json.ts';
export {
  kindByCollection,
  kindByName,
  kindByPlural,
  kinds,
  preferredApiVersion,
  splitApiVersion,
} from './registry.ts';
export { formatViolation, type Position, type Severity, type Violation } from './violation.ts';
