import { invalidConfig } from '@lateen/matching';
import { anyName, type envoy_config_accesslog_v3_AccessLog, unpackAny } from '@lateen/protos';
import type { FilterStream } from '../http-filters/filter.ts';
import type { AccessLogWriter } from '../network-filters/surroundings.ts';
import {
  compileFormatString,
  compileJsonFormat,
  compileTextFormat,
  defaultLogFormat,
  type LogFormat,
} from './log-format.ts';
import { compileLogFilter } from './log-filter.ts';

/** A compiled access log: writes a stream that has ended. */
export type AccessLog = (stream: FilterStream) => void;

/** What access logs need. */
export interface AccessLogSurroundings {
  accessLog(path: string): AccessLogWriter;
}

const streams: Readonly<Record<string, string>> = {
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': '/dev/stdout',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': '/dev/stderr',
};

function compileTarget(
  log: envoy_config_accesslog_v3_AccessLog,
  path: string,
): { file: string; format: LogFormat } {
  const config = log.typedConfig;
  const name = config ? anyName(config) : '';
  const at = `${path}.typed_config`;
  if (config && name === 'envoy.extensions.access_loggers.file.v3.FileAccessLog') {
    const file = unpackAny(name, config);
    if (!file.path) throw invalidConfig(`${at}.path`, 'must not be empty');
    if (file.logFormat)
      return { file: file.path, format: compileFormatString(file.logFormat, `${at}.log_format`) };
    const json = file.typedJsonFormat ?? file.jsonFormat;
    if (json) return { file: file.path, format: compileJsonFormat(json, `${at}.json_format`, false) };
    return { file: file.path, format: compileTextFormat(file.format || defaultLogFormat, `${at}.format`) };
  }
  const file = streams[name];
  if (config && file !== undefined) {
    const { logFormat } = unpackAny('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
      type_url: 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      value: config.value,
    });
    const format = logFormat
      ? compileFormatString(logFormat, `${at}.log_format`)
      : compileTextFormat(defaultLogFormat, at);
    return { file, format };
  }
  throw invalidConfig(at, `the access logger ${name || log.name || ''} is not supported`);
}

/** Compiles an access log of files or standard streams. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileAccessLog(
  log: envoy_config_accesslog_v3_AccessLog,
  path: string,
  surroundings: AccessLogSurroundings,
): AccessLog {
  const { file, format } = compileTarget(log, path);
  const passes = log.filter ? compileLogFilter(log.filter, `${path}.filter`) : undefined;
  const writer = surroundings.accessLog(file);
  return (stream) => {
    if (!passes || passes(stream)) writer.write(format(stream));
  };
}
