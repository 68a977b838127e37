import type { Socket } from 'node:net';

/** An IP address with a port, or a unix socket path (port 0). */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What the peer's verified certificate says. */
export interface TlsPeer {
  /** URI SANs, SPIFFE ids first. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly subject: string;
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
  /** Certificate in PEM, for XFCC. */
  pem(): string;
}

/** Facts about an accepted connection, complete before any network filter runs. */
export interface ConnectionInfo {
  readonly id: number;
  readonly listener: string;
  readonly filterChain: string;
  readonly transport: 'raw_buffer' | 'tls';
  /** Address that the client meant: the original destination when the listener restores it. */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** SNI; empty without. */
  readonly serverName: string;
  /** Negotiated protocol; empty without. */
  readonly applicationProtocol: string;
  /** URI SANs of our own certificate. */
  readonly ownUris: readonly string[];
  /** Absent in plain text and when the peer showed no certificate. */
  readonly peer: TlsPeer | undefined;
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

/**
 * An accepted connection with TLS done. The socket is paused; bytes that inspectors looked at are back in it.
 * Whoever serves it owns the socket: reads, writes, closes.
 */
export interface DownstreamConnection {
  readonly info: ConnectionInfo;
  readonly socket: Socket;
  /** Aborts when the listener drains: finish what is under way, take nothing new. */
  readonly draining: AbortSignal;
  /** Cluster that a filter before the last has chosen in place of the one that is configured. */
  cluster?: string;
}

/** Last filter of a chain: takes the connection over. */
export interface TerminalFilter {
  readonly kind: 'terminal';
  serve(connection: DownstreamConnection): void;
  /**
   * Takes the connections of a filter that it replaces: their next request is served here, so that a change of routes
   * or policy holds at once on connections that stand. `false`: it can't, they drain instead.
   */
  succeed?(previous: TerminalFilter): boolean;
}

/** A filter before the last: lets the connection pass or has it closed. */
export interface GateFilter {
  readonly kind: 'gate';
  admit(connection: DownstreamConnection): boolean | Promise<boolean>;
}

/** A network filter, compiled from its config once per filter chain. */
export type NetworkFilter = TerminalFilter | GateFilter;
