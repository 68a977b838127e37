import type { HeaderView } from '@lateen/matching';

/** Names in a peer's verified certificate. */
export interface PeerNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly subject: string;
}

/** What rules may look at: a request, or a connection when there is no request (empty headers, path and metadata). */
export interface Subject {
  readonly headers: HeaderView;
  /** Path with query; empty for a connection. */
  readonly path: string;
  /** Absent without a verified client certificate. */
  readonly peer: PeerNames | undefined;
  /** IP address of the socket's peer. */
  readonly directRemoteAddress: string;
  /** IP address of the client, as trusted forwarding headers tell it. */
  readonly remoteAddress: string;
  readonly destination: { readonly address: string; readonly port: number };
  /** SNI; empty without. */
  readonly serverName: string;
  /** Dynamic metadata of a filter as JSON. */
  metadata(filter: string): unknown;
}
