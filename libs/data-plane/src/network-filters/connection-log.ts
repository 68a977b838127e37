import { invalidConfig, refuseFields } from '@lateen/matching';
import {
  anyName,
  type envoy_config_accesslog_v3_AccessLog,
  type google_protobuf_Struct,
  structJson,
  unpackAny,
} from '@lateen/protos';
import { compileFormat, type FormatContext } from '@lateen/routing-engine';
import type { TransferCount } from '../connection-pool/tcp.ts';
import type { DownstreamConnection, Endpoint } from '../connection.ts';
import type { Surroundings } from './surroundings.ts';

/** What a log tells of a TCP connection beside the connection itself. */
export interface ConnectionRecord {
  /** Monotonic milliseconds. */
  readonly begunAt: number;
  cluster: string;
  upstreamHost: string;
  upstreamLocalAddress: string;
  transportFailure: string;
  /** Envoy's short response flags; empty for none. */
  flags: string;
  terminationDetails: string;
  readonly count: TransferCount;
}

const file = 'envoy.extensions.access_loggers.file.v3.FileAccessLog';
const stdout = 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';
const stderr = 'envoy.extensions.access_loggers.stream.v3.StderrAccessLog';

/** Envoy's default text format, cut to what a connection has. */
const defaultFormat =
  '[%START_TIME%] "- - -" 0 %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% - "-" "-" "-" "-" "%UPSTREAM_HOST%"\n';

const noHeaders = { get: () => undefined };

function endpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

type Operators = (name: string) => string | undefined;

function operatorsOf(connection: DownstreamConnection, record: ConnectionRecord, nowMs: number): Operators {
  const { info } = connection;
  return (name) => {
    switch (name) {
      case 'START_TIME':
        return new Date(info.startedAt).toISOString();
      case 'RESPONSE_CODE':
        return '0';
      case 'RESPONSE_FLAGS':
      case 'RESPONSE_FLAGS_LONG':
        return record.flags || '-';
      case 'CONNECTION_TERMINATION_DETAILS':
        return record.terminationDetails || undefined;
      case 'UPSTREAM_TRANSPORT_FAILURE_REASON':
        return record.transportFailure.replaceAll(/\s/g, '_') || undefined;
      case 'BYTES_RECEIVED':
        return String(record.count.received);
      case 'BYTES_SENT':
        return String(record.count.sent);
      case 'DURATION':
        return String(Math.round(nowMs - record.begunAt));
      case 'UPSTREAM_HOST':
        return record.upstreamHost || undefined;
      case 'UPSTREAM_CLUSTER':
      case 'UPSTREAM_CLUSTER_RAW':
        return record.cluster || undefined;
      case 'UPSTREAM_LOCAL_ADDRESS':
        return record.upstreamLocalAddress || undefined;
      case 'DOWNSTREAM_LOCAL_ADDRESS':
        return endpoint(info.local);
      case 'DOWNSTREAM_REMOTE_ADDRESS':
      case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS':
        return endpoint(info.remote);
      case 'REQUESTED_SERVER_NAME':
        return info.serverName || undefined;
      case 'DOWNSTREAM_PEER_URI_SAN':
        return info.peer?.uris.join(',') || undefined;
      case 'FILTER_CHAIN_NAME':
        return info.filterChain || undefined;
      case 'CONNECTION_ID':
        return String(info.id);
      default:
        return undefined;
    }
  };
}

type Format = (context: FormatContext) => string;

function textFormat(text: string, path: string): Format {
  return compileFormat(text, path, { absent: '-' });
}

function jsonFormat(struct: google_protobuf_Struct, path: string): Format {
  const fields = Object.entries(structJson(struct)).map(([key, value]) => {
    if (typeof value !== 'string') throw invalidConfig(`${path}.${key}`, 'only text values are supported');
    return [key, textFormat(value, `${path}.${key}`)] as const;
  });
  return (context) =>
    `${JSON.stringify(Object.fromEntries(fields.map(([key, format]) => [key, format(context)])))}\n`;
}

function compileOne(log: envoy_config_accesslog_v3_AccessLog, path: string, surroundings: Surroundings) {
  refuseFields(log, path, ['filter']);
  if (!log.typedConfig) throw invalidConfig(`${path}.typed_config`, 'is required');
  const type = anyName(log.typedConfig);
  const config =
    type === file
      ? unpackAny(file, log.typedConfig)
      : type === stdout
        ? { ...unpackAny(stdout, log.typedConfig), path: '/dev/stdout' }
        : type === stderr
          ? { ...unpackAny(stderr, log.typedConfig), path: '/dev/stderr' }
          : undefined;
  if (!config) throw invalidConfig(path, `the access log ${log.name ?? ''} (${type}) is not supported`);
  const { logFormat } = config;
  const at = `${path}.typed_config.log_format`;
  const format = logFormat?.jsonFormat
    ? jsonFormat(logFormat.jsonFormat, `${at}.json_format`)
    : textFormat(logFormat?.textFormatSource?.inlineString || logFormat?.textFormat || defaultFormat, at);
  return { format, writer: surroundings.accessLog(config.path ?? '/dev/stdout') };
}

/** Compiles access logs of TCP connections: one line at the end of each. @throws LateenError naming `path` */
export function compileConnectionLogs(
  logs: readonly envoy_config_accesslog_v3_AccessLog[],
  path: string,
  surroundings: Surroundings,
): (connection: DownstreamConnection, record: ConnectionRecord) => void {
  const compiled = logs.map((log, index) => compileOne(log, `${path}[${index}]`, surroundings));
  if (compiled.length === 0) return () => {};
  return (connection, record) => {
    const operator = operatorsOf(connection, record, surroundings.clock.monotonic());
    const context = { requestHeaders: noHeaders, responseHeaders: undefined, operator };
    for (const { format, writer } of compiled) writer.write(format(context));
  };
}
