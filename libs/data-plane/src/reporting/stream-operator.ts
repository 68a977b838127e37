import type { FilterStream } from '../http-filters/filter.ts';
import { longFlags, shortFlags } from './response-flags.ts';
import { formatTime } from './time-format.ts';

function address(endpoint: { address: string; port: number }): string {
  if (endpoint.port === 0) return endpoint.address;
  return endpoint.address.includes(':')
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}

function orAbsent(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function since(start: number, end: number): string | undefined {
  return start < 0 || end < 0 ? undefined : String(Math.max(0, Math.round(end - start)));
}

/** `NAMESPACE:KEY:KEY` of dynamic metadata: text as it is, other values as JSON. */
function metadataText(stream: FilterStream, argument: string | undefined): string | undefined {
  const [namespace = '', ...keys] = (argument ?? '').split(':');
  let value = stream.metadata(namespace);
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  if (value === undefined) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Answers Envoy's command operators for a stream; `undefined` where there is nothing to tell. */
export function streamOperator(
  stream: FilterStream,
  name: string,
  argument: string | undefined,
): string | undefined {
  const { record, connection } = stream;
  switch (name) {
    case 'START_TIME':
      return formatTime(record.startedAt, argument);
    case 'PROTOCOL':
      return record.protocol;
    case 'RESPONSE_CODE':
      return String(stream.responseHeaders?.get(':status') ?? '0');
    case 'RESPONSE_CODE_DETAILS':
      return orAbsent(record.details.replaceAll(/\s/g, '_'));
    case 'CONNECTION_TERMINATION_DETAILS':
      return orAbsent(record.terminationDetails);
    case 'RESPONSE_FLAGS':
      return shortFlags(record.flagOrder);
    case 'RESPONSE_FLAGS_LONG':
      return longFlags(record.flagOrder);
    case 'BYTES_RECEIVED':
      return String(record.bytesReceived);
    case 'BYTES_SENT':
      return String(record.bytesSent);
    case 'DURATION':
      return since(record.begunAt, record.endAt);
    case 'REQUEST_DURATION':
      return since(record.begunAt, record.requestEndAt);
    case 'RESPONSE_DURATION':
      return since(record.begunAt, record.upstreamFirstByteAt);
    case 'RESPONSE_TX_DURATION':
      return since(record.upstreamFirstByteAt, record.endAt);
    case 'UPSTREAM_HOST':
    case 'UPSTREAM_REMOTE_ADDRESS':
      return orAbsent(record.upstreamHost);
    case 'UPSTREAM_HOST_NAME':
      return orAbsent(record.upstreamHostname || record.upstreamHost);
    case 'UPSTREAM_REMOTE_PORT':
      return /:(\d+)$/.exec(record.upstreamHost)?.[1];
    case 'UPSTREAM_CLUSTER':
    case 'UPSTREAM_CLUSTER_RAW':
      return orAbsent(record.cluster);
    case 'UPSTREAM_LOCAL_ADDRESS':
      return orAbsent(record.upstreamLocalAddress);
    case 'UPSTREAM_TRANSPORT_FAILURE_REASON':
      return orAbsent(record.upstreamTransportFailure.replaceAll(/\s/g, '_'));
    case 'UPSTREAM_REQUEST_ATTEMPT_COUNT':
      return String(record.attempts);
    case 'DOWNSTREAM_LOCAL_ADDRESS':
      return address(connection.local);
    case 'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT':
      return connection.local.address;
    case 'DOWNSTREAM_LOCAL_PORT':
      return String(connection.local.port);
    case 'DOWNSTREAM_REMOTE_ADDRESS':
      if (record.remoteAddress === '' || record.remoteAddress === connection.remote.address)
        return address(connection.remote);
      return `${record.remoteAddress}:0`;
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
      return record.remoteAddress || connection.remote.address;
    case 'DOWNSTREAM_REMOTE_PORT':
    case 'DOWNSTREAM_DIRECT_REMOTE_PORT':
      return String(connection.remote.port);
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS':
      return address(connection.remote);
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT':
      return connection.remote.address;
    case 'DOWNSTREAM_PEER_URI_SAN':
      return orAbsent(connection.peer?.uris.join(',') ?? '');
    case 'DOWNSTREAM_LOCAL_URI_SAN':
      return orAbsent(connection.ownUris.join(','));
    case 'DOWNSTREAM_PEER_SUBJECT':
      return orAbsent(connection.peer?.subject ?? '');
    case 'DOWNSTREAM_PEER_FINGERPRINT_256':
      return orAbsent(connection.peer?.sha256 ?? '');
    case 'REQUESTED_SERVER_NAME':
      return orAbsent(escapeText(connection.serverName));
    case 'ROUTE_NAME':
      return orAbsent(record.routeName);
    case 'FILTER_CHAIN_NAME':
      return orAbsent(connection.filterChain);
    case 'CONNECTION_ID':
      return String(connection.id);
    case 'STREAM_ID':
      return stream.requestHeaders.get('x-request-id');
    case 'GRPC_STATUS_NUMBER':
    case 'GRPC_STATUS':
      return stream.responseHeaders?.get('grpc-status');
    case 'DYNAMIC_METADATA':
      return metadataText(stream, argument);
    default:
      return undefined;
  }
}

/** Control characters as `\xNN`: a stranger's text must not make a log line. */
function escapeText(text: string): string {
  return text.replace(
    /[\0-\x1f\x7f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
