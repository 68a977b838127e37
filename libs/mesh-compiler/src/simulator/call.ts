/** A call as a client makes it. What is left out takes the default that its comment names. */
export interface SimulatedCall {
  /** Address dialled; an address of no service. */
  readonly address?: string;
  readonly port: number;
  readonly protocol: 'http' | 'http2' | 'tcp';
  /** Who ends the TLS: nobody (`plaintext`), a server with a certificate (`tls`), the mesh (`mtls`). Plain text. */
  readonly tls?: 'plaintext' | 'tls' | 'mtls';
  /** Server name; `host` under `tls`. */
  readonly sni?: string;
  /** ALPN offered; what clients of the protocol and TLS offer. */
  readonly alpn?: string;
  /** Host header or `:authority`. */
  readonly host?: string;
  /** Path with query, `/`. */
  readonly path?: string;
  /** `GET`. */
  readonly method?: string;
  /** By lower-case name. */
  readonly headers?: ReadonlyMap<string, string>;
  /** Name of the certificate's secret by which a server is known to take the mesh's TLS; `default`. */
  readonly meshSecret?: string;
  /** `inbound`: comes to the sidecar of the called workload. `outbound`: leaves one or enters a gateway. */
  readonly mode?: 'inbound' | 'outbound' | 'gateway';
}

/** A call with every default filled in. */
export interface CompleteCall extends Required<Omit<SimulatedCall, 'mode'>> {
  readonly inbound: boolean;
}

const otherAddress = '1.3.3.7';
const alpns = {
  plaintext: { http: '', http2: '', tcp: '' },
  tls: { http: 'http/1.1', http2: 'h2', tcp: '' },
  mtls: { http: 'istio-http/1.1', http2: 'istio-h2', tcp: 'istio' },
} as const;

/** Fills in what clients do when nothing else is said. */
export function completeCall(call: SimulatedCall): CompleteCall {
  const tls = call.tls ?? 'plaintext';
  const host = call.host ?? '';
  return {
    address: call.address ?? otherAddress,
    port: call.port,
    protocol: call.protocol,
    tls,
    sni: call.sni ?? (tls === 'tls' ? host : ''),
    alpn: call.alpn ?? alpns[tls][call.protocol],
    host,
    path: call.path ?? '/',
    method: call.method ?? 'GET',
    headers: call.headers ?? new Map<string, string>(),
    meshSecret: call.meshSecret ?? 'default',
    inbound: call.mode === 'inbound',
  };
}
