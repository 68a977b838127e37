import type { google_protobuf_Any } from '@lateen/protos';
import type { Surroundings } from '../network-filters/surroundings.ts';
import type { HttpFilter } from './filter.ts';

/** Where a filter stands in the configuration and what it may use. */
interface FilterPlace {
  /** The filter's name in the configuration. */
  readonly name: string;
  /** Path of its config, for errors. */
  readonly path: string;
  readonly surroundings: Surroundings;
}

/** A kind of HTTP filter: the types of its configurations and how they are compiled. */
export interface HttpFilterKind {
  /** Message that configures the filter. */
  readonly config: string;
  /** Message of `typed_per_filter_config`, where the filter reads one. */
  readonly routeConfig?: string;
  /** @throws LateenError LTN_CONFIG_INVALID naming the field */
  compile(config: google_protobuf_Any, place: FilterPlace): HttpFilter;
  /** What `FilterStream.routeConfig` will answer. @throws LateenError LTN_CONFIG_INVALID naming the field */
  decodeRoute?(config: google_protobuf_Any, path: string): unknown;
}
