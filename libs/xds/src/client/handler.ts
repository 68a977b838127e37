import type { MessageName, Messages } from '@lateen/protos';

/** A resource as it came, decoded. */
export interface ReceivedResource<M> {
  readonly name: string;
  /** Version that the server gave: of the resource in delta, of the response in state of the world. */
  readonly version: string;
  readonly message: M;
}

/** What a response changes. The same shape in both modes: what did not change is not in it (state of the world). */
export interface ResourceUpdate<M> {
  /** New or changed. */
  readonly updated: readonly ReceivedResource<M>[];
  /** Names that the server took away. */
  readonly removed: readonly string[];
  /** Version of the response. */
  readonly version: string;
}

/** A resource that the handler doesn't take; what it had under this name before stays in force. */
export interface Rejection {
  readonly name: string;
  readonly reason: string;
}

/**
 * Takes an update of one type, in the order of arrival, and answers what it refuses; everything else of the update
 * is in force when it returns. It must not wait for other resources (warming happens behind it): the answer to the
 * server depends on it. What it throws refuses the whole update with that message.
 */
export type ResourceHandler<N extends MessageName> = (
  update: ResourceUpdate<Messages[N]>,
) => readonly Rejection[];
