import {
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter,
  packAny,
} from '@lateen/protos';

const header = 'proxy-authorization';

/** Field 3 of BasicAuth, `authentication_header`: newer than the bundled descriptor, so its bytes are written here. */
function withAuthenticationHeader(message: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(header);
  return Uint8Array.of(...message, (3 << 3) | 2, text.length, ...text);
}

/** Filter that admits callers of an htpasswd file, by `Proxy-Authorization` (envoy.extensions.filters.http.basic_auth.v3). */
export function basicAuthFilter(file: string): HttpFilter {
  const any = packAny('envoy.extensions.filters.http.basic_auth.v3.BasicAuth', { users: { filename: file } });
  return {
    name: 'envoy.filters.http.basic_auth',
    typedConfig: { ...any, value: withAuthenticationHeader(any.value ?? new Uint8Array()) },
  };
}
