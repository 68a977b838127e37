import { decode, encode, type MessageName, type Messages } from '@lateen/protos';

/** One RPC: its HTTP/2 path and the messages both ways. */
export interface RpcMethod<Q extends MessageName, A extends MessageName> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Q;
  readonly response: A;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

function method<const Q extends MessageName, const A extends MessageName>(
  path: string,
  request: Q,
  response: A,
  streams: boolean,
): RpcMethod<Q, A> {
  return { path, request, response, requestStream: streams, responseStream: streams };
}

const discovery = 'envoy.service.discovery.v3';
const mcp = 'istio.mcp.v1alpha1';

/** Every RPC that Lateen serves or calls. Paths as in Envoy's and Istio's service definitions. */
export const methods = {
  streamAggregatedResources: method(
    `/${discovery}.AggregatedDiscoveryService/StreamAggregatedResources`,
    `${discovery}.DiscoveryRequest`,
    `${discovery}.DiscoveryResponse`,
    true,
  ),
  deltaAggregatedResources: method(
    `/${discovery}.AggregatedDiscoveryService/DeltaAggregatedResources`,
    `${discovery}.DeltaDiscoveryRequest`,
    `${discovery}.DeltaDiscoveryResponse`,
    true,
  ),
  streamSecrets: method(
    '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
    `${discovery}.DiscoveryRequest`,
    `${discovery}.DiscoveryResponse`,
    true,
  ),
  deltaSecrets: method(
    '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
    `${discovery}.DeltaDiscoveryRequest`,
    `${discovery}.DeltaDiscoveryResponse`,
    true,
  ),
  fetchSecrets: method(
    '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets',
    `${discovery}.DiscoveryRequest`,
    `${discovery}.DiscoveryResponse`,
    false,
  ),
  mcpSource: method(
    `/${mcp}.ResourceSource/EstablishResourceStream`,
    `${mcp}.RequestResources`,
    `${mcp}.Resources`,
    true,
  ),
  mixerCheck: method(
    '/istio.mixer.v1.Mixer/Check',
    'istio.mixer.v1.CheckRequest',
    'istio.mixer.v1.CheckResponse',
    false,
  ),
  mixerReport: method(
    '/istio.mixer.v1.Mixer/Report',
    'istio.mixer.v1.ReportRequest',
    'istio.mixer.v1.ReportResponse',
    false,
  ),
  createCertificate: method(
    '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    'istio.v1.auth.IstioCertificateRequest',
    'istio.v1.auth.IstioCertificateResponse',
    false,
  ),
} as const;

/** Serialiser and deserialiser pairs in grpc-js' form. */
export function codecs<Q extends MessageName, A extends MessageName>(rpc: RpcMethod<Q, A>) {
  return {
    encodeRequest: (message: Messages[Q]): Buffer => asBuffer(encode(rpc.request, message)),
    decodeRequest: (bytes: Buffer): Messages[Q] => decode(rpc.request, bytes),
    encodeResponse: (message: Messages[A]): Buffer => asBuffer(encode(rpc.response, message)),
    decodeResponse: (bytes: Buffer): Messages[A] => decode(rpc.response, bytes),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
