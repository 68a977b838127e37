import { refuseFields } from '@lateen/matching';
import type { envoy_extensions_filters_network_http_connection_manager_v3_LocalReplyConfig as LocalReplyConfig } from '@lateen/protos';
import { compileHeaderRules, type HeaderRules } from '@lateen/routing-engine';
import type { FilterStream } from '../http-filters/filter.ts';
import { compileFormatString, type LogFormat } from '../reporting/log-format.ts';
import { compileLogFilter, type LogFilter } from '../reporting/log-filter.ts';
import type { BuiltReply } from './local-reply.ts';

/** Rewrites local replies in place: Envoy's `local_reply_config`. */
export type LocalReplyMap = (stream: FilterStream, reply: BuiltReply) => void;

interface Mapper {
  readonly matches: LogFilter;
  readonly status: number | undefined;
  readonly body: Buffer | undefined;
  readonly format: BodyFormat | undefined;
  readonly headers: HeaderRules;
}

interface BodyFormat {
  readonly format: LogFormat;
  readonly contentType: string;
}

function compileBodyFormat(config: LocalReplyConfig['bodyFormat'], path: string): BodyFormat | undefined {
  if (!config) return undefined;
  const contentType = config.contentType || (config.jsonFormat ? 'application/json' : 'text/plain');
  return { format: compileFormatString(config, path), contentType };
}

/** Compiles `local_reply_config`; the first mapper whose filter matches counts. @throws LateenError naming `path` */
export function compileLocalReplyMap(config: LocalReplyConfig, path: string): LocalReplyMap {
  const mappers = (config.mappers ?? []).map((mapper, index): Mapper => {
    const at = `${path}.mappers[${index}]`;
    const source = mapper.body;
    if (source) refuseFields(source, `${at}.body`, ['filename', 'environmentVariable']);
    const text = source?.inlineString ?? source?.inlineBytes;
    return {
      matches: compileLogFilter(mapper.filter ?? {}, `${at}.filter`),
      status: mapper.statusCode?.value,
      body: text === undefined ? undefined : Buffer.from(text as string),
      format: compileBodyFormat(mapper.bodyFormatOverride, `${at}.body_format_override`),
      headers: compileHeaderRules({ add: mapper.headersToAdd ?? [], remove: [] }, at, 'response_headers'),
    };
  });
  const common = compileBodyFormat(config.bodyFormat, `${path}.body_format`);
  return (stream, reply) => {
    const { headers } = reply;
    const mapper = mappers.find(({ matches }) => matches(stream));
    if (mapper) {
      if (mapper.status !== undefined) headers.status = mapper.status;
      if (mapper.body) reply.body = mapper.body;
      mapper.headers.apply(headers, stream);
    }
    const body = mapper?.format ?? common;
    if (body) {
      const original = reply.body;
      const context = {
        requestHeaders: stream.requestHeaders,
        responseHeaders: headers,
        operator: (name: string, argument: string | undefined) =>
          name === 'LOCAL_REPLY_BODY' ? original.toString() : stream.operator(name, argument),
      };
      reply.body = Buffer.from(body.format(context).replace(/\n$/, ''));
      headers.set('content-type', body.contentType);
    }
    if (reply.body.length > 0) headers.set('content-length', String(reply.body.length));
    if (reply.body.length > 0 && !headers.has('content-type')) headers.append('content-type', 'text/plain');
  };
}
