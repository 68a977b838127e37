import { invalidConfig } from '@lateen/matching';
import type { FormatContext } from './decision.ts';

/** A compiled format string. `undefined` parts became empty text or `-`, as the compiler was told. */
export type Formatter = (context: FormatContext) => string;

// Envoy's command operators that answer something in a header or a log line; REQ and RESP are read here, the rest is
// asked of the stream.
const operators: ReadonlySet<string> = new Set([
  'BYTES_RECEIVED',
  'BYTES_SENT',
  'CONNECTION_ID',
  'CONNECTION_TERMINATION_DETAILS',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_LOCAL_PORT',
  'DOWNSTREAM_LOCAL_URI_SAN',
  'DOWNSTREAM_PEER_FINGERPRINT_256',
  'DOWNSTREAM_PEER_SUBJECT',
  'DOWNSTREAM_PEER_URI_SAN',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_REMOTE_PORT',
  'DURATION',
  'DYNAMIC_METADATA',
  'FILTER_CHAIN_NAME',
  'FILTER_STATE',
  'GRPC_STATUS',
  'GRPC_STATUS_NUMBER',
  'HOSTNAME',
  'LOCAL_REPLY_BODY',
  'METADATA',
  'PROTOCOL',
  'REQUESTED_SERVER_NAME',
  'REQUEST_DURATION',
  'RESPONSE_CODE',
  'RESPONSE_CODE_DETAILS',
  'RESPONSE_DURATION',
  'RESPONSE_FLAGS',
  'RESPONSE_FLAGS_LONG',
  'RESPONSE_TX_DURATION',
  'ROUTE_NAME',
  'START_TIME',
  'STREAM_ID',
  'TRAILER',
  'UPSTREAM_CLUSTER',
  'UPSTREAM_CLUSTER_RAW',
  'UPSTREAM_HOST',
  'UPSTREAM_HOST_NAME',
  'UPSTREAM_LOCAL_ADDRESS',
  'UPSTREAM_REMOTE_ADDRESS',
  'UPSTREAM_REMOTE_PORT',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
  'UPSTREAM_TRANSPORT_FAILURE_REASON',
  'VIRTUAL_CLUSTER_NAME',
]);

const command = /%%|%([A-Z0-9_]+)(?:\(((?:[^()]|\([^()]*\))*)\))?(?::(\d+))?%/g;

type Part = string | ((context: FormatContext) => string | undefined);

function compileCommand(name: string, argument: string | undefined, path: string): Part {
  if (name === 'REQ' || name === 'RESP') {
    const names = (argument ?? '').toLowerCase().split('?');
    const [first = '', alternative] = names;
    if (first === '' || names.length > 2)
      throw invalidConfig(path, `%${name}% needs one header name, or two with "?"`);
    const side = name === 'REQ' ? 'requestHeaders' : 'responseHeaders';
    return (context) => {
      const headers = context[side];
      return headers?.get(first) ?? (alternative === undefined ? undefined : headers?.get(alternative));
    };
  }
  if (!operators.has(name)) throw invalidConfig(path, `%${name}% is not a supported command operator`);
  return (context) => context.operator(name, argument);
}

/** How absent values print. */
export interface FormatOptions {
  /** `''` in headers, `'-'` in access logs (Envoy's `omit_empty_values`). */
  readonly absent: '' | '-';
}

/**
 * Compiles Envoy's format strings: `%REQ(A?B):10%`, `%PROTOCOL%`, `%%`, … An operator that the stream can't answer
 * prints `absent`.
 * @throws LateenError LTN_CONFIG_INVALID naming `path` for an unknown operator or a stray `%`
 */
export function compileFormat(text: string, path: string, options: FormatOptions): Formatter {
  if (!text.includes('%')) return () => text;
  const parts: Part[] = [];
  let end = 0;
  const literal = (until: number): void => {
    const between = text.slice(end, until);
    if (between.includes('%'))
      throw invalidConfig(path, `"${text}" has a "%" that starts no command; write "%%"`);
    if (between !== '') parts.push(between);
  };
  for (const found of text.matchAll(command)) {
    literal(found.index);
    end = found.index + found[0].length;
    if (found[0] === '%%') {
      parts.push('%');
      continue;
    }
    const part = compileCommand(found[1]!, found[2], path);
    const limit = found[3] === undefined ? undefined : Number(found[3]);
    parts.push(
      limit === undefined || typeof part === 'string' ? part : (context) => part(context)?.slice(0, limit),
    );
  }
  literal(text.length);
  const { absent } = options;
  return (context) => {
    let out = '';
    for (const part of parts) out += typeof part === 'string' ? part : (part(context) ?? absent);
    return out;
  };
}
