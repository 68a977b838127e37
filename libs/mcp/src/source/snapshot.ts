import type { istio_mcp_v1alpha1_Resource as Resource } from '@lateen/protos';

/** One collection at one version. Unchanged collections of successive snapshots share their `resources` map. */
export interface McpCollection {
  /** Becomes `system_version_info`. */
  readonly version: string;
  /** By resource name, `namespace/name`. Never changed once it is here. */
  readonly resources: ReadonlyMap<string, Resource>;
}

/** What a source has at one moment, by collection; a collection that is missing wasn't published yet. */
export type McpSnapshot = ReadonlyMap<string, McpCollection>;
