import {
  enumOf,
  type envoy_config_accesslog_v3_AccessLog as AccessLog,
  type Json,
  packAny,
  structOf,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';

const encodings = enumOf('istio.mesh.v1alpha1.MeshConfig.AccessLogEncoding');

/** Istio's text format (istio/pilot/pkg/model/telemetry_logging.go). */
const textFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

const jsonFormat: { readonly [key: string]: Json } = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

function parsedFormat(format: string): { readonly [key: string]: Json } | undefined {
  try {
    const json: unknown = JSON.parse(format);
    return json !== null && typeof json === 'object' && !Array.isArray(json)
      ? (json as { [key: string]: Json })
      : undefined;
  } catch {
    // Not JSON: the mesh's own fields are logged instead, as istiod does.
    return undefined;
  }
}

function fileLog(model: MeshModel): AccessLog | undefined {
  const { accessLogFile, accessLogFormat, accessLogEncoding } = model.mesh;
  if (!accessLogFile) return undefined;
  const json = accessLogEncoding === encodings.JSON;
  const format = json
    ? {
        jsonFormat: structOf((accessLogFormat ? parsedFormat(accessLogFormat) : undefined) ?? jsonFormat),
        jsonFormatOptions: {},
      }
    : { textFormatSource: { inlineString: accessLogFormat ? withNewline(accessLogFormat) : textFormat } };
  return {
    name: 'envoy.access_loggers.file',
    typedConfig: packAny('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path: accessLogFile,
      logFormat: format,
    }),
  };
}

function withNewline(format: string): string {
  return format.endsWith('\n') ? format : `${format}\n`;
}

/** Access logs of a connection manager or TCP proxy; none unless the mesh names a file. */
export function accessLogs(model: MeshModel): { accessLog?: AccessLog[] } {
  const log = fileLog(model);
  return log ? { accessLog: [log] } : {};
}

/** Access logs of a listener: connections that no filter chain took (flag NR). */
export function listenerAccessLogs(model: MeshModel): { accessLog?: AccessLog[] } {
  const log = fileLog(model);
  return log && !model.mesh.disableEnvoyListenerLog
    ? { accessLog: [{ ...log, filter: { responseFlagFilter: { flags: ['NR'] } } }] }
    : {};
}
