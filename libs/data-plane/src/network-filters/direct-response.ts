import { type google_protobuf_Any, unpackAny } from '@lateen/protos';
import { readDataSource } from '../bootstrap/data-source.ts';
import type { TerminalFilter } from '../connection.ts';

const message = 'envoy.extensions.filters.network.direct_response.v3.Config';

/** Compiles `envoy.filters.network.direct_response`: sends fixed bytes and closes. @throws LateenError */
export function createDirectResponse(any: google_protobuf_Any, path: string): TerminalFilter {
  const { response } = unpackAny(message, any);
  const bytes = response ? readDataSource(response, `${path}.response`) : new Uint8Array();
  return {
    kind: 'terminal',
    serve({ socket }) {
      // What the client says is read and dropped: unread bytes would turn the close into a reset.
      socket.resume();
      socket.end(bytes);
    },
  };
}
