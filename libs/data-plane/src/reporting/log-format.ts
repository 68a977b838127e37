import { invalidConfig } from '@lateen/matching';
import type {
  envoy_config_core_v3_SubstitutionFormatString,
  google_protobuf_Struct,
  google_protobuf_Value,
} from '@lateen/protos';
import { compileFormat, type FormatContext } from '@lateen/routing-engine';

/** A compiled log format: the line, its line break included. */
export type LogFormat = (context: FormatContext) => string;

/** What Envoy logs when no format is configured. */
export const defaultLogFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

const oneOperator = /^%([A-Z0-9_]+)(\((?:[^()]|\([^()]*\))*\))?%$/;
const numeric = new Set([
  'RESPONSE_CODE',
  'BYTES_RECEIVED',
  'BYTES_SENT',
  'DURATION',
  'REQUEST_DURATION',
  'RESPONSE_DURATION',
  'RESPONSE_TX_DURATION',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
  'DOWNSTREAM_LOCAL_PORT',
  'DOWNSTREAM_REMOTE_PORT',
  'UPSTREAM_REMOTE_PORT',
  'CONNECTION_ID',
]);

type Render = (context: FormatContext) => unknown;

function compileValue(value: google_protobuf_Value, path: string, omitEmpty: boolean): Render {
  if (value.structValue) return compileObject(value.structValue, path, omitEmpty);
  if (value.listValue) {
    const items = (value.listValue.values ?? []).map((item, index) =>
      compileValue(item, `${path}[${index}]`, omitEmpty),
    );
    return (context) => items.map((item) => item(context));
  }
  if (value.stringValue === undefined) {
    const constant = value.numberValue ?? value.boolValue ?? null;
    return () => constant;
  }
  const text = value.stringValue;
  const operator = oneOperator.exec(text)?.[1];
  const format = compileFormat(text, path, { absent: operator === undefined && !omitEmpty ? '-' : '' });
  if (operator === undefined) return format;
  return (context) => {
    const answer = format(context);
    if (answer === '') return null;
    return numeric.has(operator) && /^\d+$/.test(answer) ? Number(answer) : answer;
  };
}

function compileObject(struct: google_protobuf_Struct, path: string, omitEmpty: boolean): Render {
  const fields = Object.keys(struct.fields ?? {}).sort();
  const renders = fields.map((field) => compileValue(struct.fields![field]!, `${path}.${field}`, omitEmpty));
  return (context) => {
    const out: Record<string, unknown> = Object.create(null);
    for (const [index, field] of fields.entries()) {
      const value = renders[index]!(context);
      if (value !== null || !omitEmpty) out[field] = value;
    }
    return out;
  };
}

/** Compiles a JSON log format. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileJsonFormat(
  struct: google_protobuf_Struct,
  path: string,
  omitEmpty: boolean,
): LogFormat {
  const render = compileObject(struct, path, omitEmpty);
  return (context) => `${JSON.stringify(render(context))}\n`;
}

/** Compiles a text log format. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileTextFormat(text: string, path: string, omitEmpty = false): LogFormat {
  return compileFormat(text, path, { absent: omitEmpty ? '' : '-' });
}

/** Compiles Envoy's `SubstitutionFormatString`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileFormatString(
  format: envoy_config_core_v3_SubstitutionFormatString,
  path: string,
): LogFormat {
  const omitEmpty = format.omitEmptyValues ?? false;
  if (format.jsonFormat) return compileJsonFormat(format.jsonFormat, `${path}.json_format`, omitEmpty);
  const text = format.textFormatSource?.inlineString ?? format.textFormat;
  if (text === undefined)
    throw invalidConfig(path, 'needs text_format, text_format_source.inline_string or json_format');
  return compileTextFormat(text, `${path}.text_format`, omitEmpty);
}
