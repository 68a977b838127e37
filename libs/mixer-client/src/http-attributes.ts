import { attribute, type AttributeValue, type MutableBag } from '@lateen/attributes';
import { durationOf, timestampOf } from '@lateen/protos';

/** Header that carries attributes from the caller's proxy to the called one; never shown to an application. */
export const forwardedAttributesHeader = 'x-istio-attributes';

/** What a proxy knows of a request when its headers are in. */
export interface HttpRequestFacts {
  /** Header fields with lower-case names, without the pseudo headers. Several of one name are joined with `,`. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  readonly authority: string;
  /** `http` when absent. */
  readonly scheme?: string | undefined;
  /** Address of the caller as it counts for policy, 4 or 16 bytes. */
  readonly sourceIp?: Uint8Array | undefined;
  readonly mutualTls: boolean;
  /** SNI of the connection; empty without. */
  readonly requestedServerName?: string | undefined;
  /** Principal of the peer's verified certificate, with or without `spiffe://`. */
  readonly peerPrincipal?: string | undefined;
  /** Principal of our own certificate. */
  readonly localPrincipal?: string | undefined;
  /** When the request came in. Epoch milliseconds. */
  readonly timeMs: number;
  /** What authentication found out: `request.auth.*`, `source.user`, … */
  readonly authenticated?: Iterable<readonly [name: string, value: AttributeValue]> | undefined;
}

const spiffe = 'spiffe://';

/** A principal as Mixer's attributes have it: `cluster.local/ns/default/sa/reviews`. */
export function principalText(principal: string): string {
  return principal.startsWith(spiffe) ? principal.slice(spiffe.length) : principal;
}

/** Sets a text, except an empty one: absent and empty are told apart in expressions. */
function setText(bag: MutableBag, name: string, text: string | undefined): void {
  if (text) bag.set(name, attribute.string(text));
}

/** Adds what the request says. Source: istio/proxy `control/http/attributes_builder.cc`. */
export function addRequestAttributes(bag: MutableBag, facts: HttpRequestFacts): void {
  const headers = headerMap(facts.headers);
  const pseudo = { ':authority': facts.authority, ':method': facts.method, ':path': facts.path };
  for (const [name, value] of Object.entries(pseudo)) if (value !== '') headers.set(name, value);
  bag.set('request.headers', attribute.stringMap(headers));
  setText(bag, 'request.host', facts.authority);
  setText(bag, 'request.method', facts.method);
  setText(bag, 'request.path', facts.path);
  setText(bag, 'request.referer', headers.get('referer'));
  setText(bag, 'request.useragent', headers.get('user-agent'));
  setText(bag, 'request.id', headers.get('x-request-id'));
  bag.set('request.scheme', attribute.string(facts.scheme || 'http'));
  bag.set('request.time', attribute.timestamp(timestampOf(facts.timeMs)));
  const query = facts.path.indexOf('?');
  setText(bag, 'request.url_path', query < 0 ? facts.path : facts.path.slice(0, query));
  if (query >= 0)
    bag.set('request.query_params', attribute.stringMap(queryParameters(facts.path.slice(query + 1))));

  if (facts.sourceIp) bag.set('origin.ip', attribute.bytes(facts.sourceIp));
  bag.set('connection.mtls', attribute.bool(facts.mutualTls));
  setText(bag, 'connection.requested_server_name', facts.requestedServerName);
  const isGrpc = headers.get('content-type')?.startsWith('application/grpc') ?? false;
  bag.set('context.protocol', attribute.string(isGrpc ? 'grpc' : 'http'));
  addPeerAttributes(bag, facts.peerPrincipal, facts.localPrincipal);
  for (const [name, value] of facts.authenticated ?? []) bag.set(name, value);
}

/**
 * Adds who stands at both ends. What the certificate says replaces what the caller forwarded about itself: the
 * namespace decides whose rules are in force.
 */
export function addPeerAttributes(
  bag: MutableBag,
  peer: string | undefined,
  local: string | undefined,
): void {
  if (peer) {
    const principal = principalText(peer);
    bag.set('source.principal', attribute.string(principal));
    const namespace = /^[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(principal)?.[1];
    if (namespace) {
      bag.set('source.namespace', attribute.string(namespace));
      bag.set('source.user', attribute.string(principal));
    }
  }
  if (local) bag.set('destination.principal', attribute.string(principalText(local)));
}

function headerMap(headers: Iterable<readonly [string, string]>): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of headers) {
    if (name === forwardedAttributesHeader) continue;
    const known = map.get(name);
    map.set(name, known === undefined ? value : `${known},${value}`);
  }
  return map;
}

/** Parameters as written, not decoded; the first of a name counts. */
function queryParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const end = query.indexOf('#');
  for (const pair of (end < 0 ? query : query.slice(0, end)).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : pair.slice(equals + 1));
  }
  return parameters;
}

/** What a proxy knows when the response is through. Sizes in bytes. */
export interface HttpResponseFacts {
  /** Header fields with lower-case names, without `:status`. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
  /** Status that the client got; 0 when none was sent. */
  readonly status: number;
  /** Body and total size (with headers) of the request and of the response. */
  readonly requestSize: number;
  readonly requestTotalSize: number;
  readonly responseSize: number;
  readonly responseTotalSize: number;
  /** Time from the first byte of the request to the last of the response. Milliseconds, fractions count. */
  readonly durationMs: number;
  /** When the response ended. Epoch milliseconds. */
  readonly timeMs: number;
  /** Envoy's response flags; `-` when empty. */
  readonly flags: string;
  /** Where the request went, 4 or 16 bytes. */
  readonly destinationIp?: Uint8Array | undefined;
  readonly destinationPort?: number | undefined;
  readonly grpcStatus?: string | undefined;
  readonly grpcMessage?: string | undefined;
}

/** Adds what the response says. A destination address that is set already (a static attribute) is kept. */
export function addResponseAttributes(bag: MutableBag, facts: HttpResponseFacts): void {
  const headers = headerMap(facts.headers);
  if (facts.status > 0) headers.set(':status', String(facts.status));
  bag.set('response.headers', attribute.stringMap(headers));
  bag.set('response.time', attribute.timestamp(timestampOf(facts.timeMs)));
  bag.set('response.code', attribute.int64(facts.status));
  bag.set('response.duration', attribute.duration(durationOf(facts.durationMs)));
  bag.set('response.size', attribute.int64(facts.responseSize));
  bag.set('response.total_size', attribute.int64(facts.responseTotalSize));
  bag.set('request.size', attribute.int64(facts.requestSize));
  bag.set('request.total_size', attribute.int64(facts.requestTotalSize));
  bag.set('context.proxy_error_code', attribute.string(facts.flags || '-'));
  addDestination(bag, facts.destinationIp, facts.destinationPort);
  setText(bag, 'response.grpc_status', facts.grpcStatus);
  setText(bag, 'response.grpc_message', facts.grpcMessage);
}

/** Adds where the bytes went, unless a static attribute says it. */
export function addDestination(bag: MutableBag, ip: Uint8Array | undefined, port: number | undefined): void {
  if (ip && !bag.get('destination.ip')) bag.set('destination.ip', attribute.bytes(ip));
  if (port !== undefined && !bag.get('destination.port')) bag.set('destination.port', attribute.int64(port));
}
