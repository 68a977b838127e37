import { isIP } from 'node:net';
import { invalidConfig } from '@lateen/matching';
import { type envoy_config_core_v3_Address, enumOf } from '@lateen/protos';

/** An address of the configuration. `host` may be a DNS name. */
export type NetworkAddress =
  | { readonly kind: 'socket'; readonly host: string; readonly port: number }
  | { readonly kind: 'pipe'; readonly path: string }
  | { readonly kind: 'internal'; readonly listener: string };

/** Reads `envoy.config.core.v3.Address`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function readAddress(address: envoy_config_core_v3_Address | undefined, path: string): NetworkAddress {
  if (address?.pipe) {
    const pipe = address.pipe.path ?? '';
    if (pipe === '') throw invalidConfig(`${path}.pipe.path`, 'must not be empty');
    // Envoy writes abstract sockets with "@", the kernel with a NUL.
    return { kind: 'pipe', path: pipe.startsWith('@') ? `\0${pipe.slice(1)}` : pipe };
  }
  if (address?.envoyInternalAddress) {
    const listener = address.envoyInternalAddress.serverListenerName ?? '';
    if (listener === '') throw invalidConfig(`${path}.envoy_internal_address`, 'names no listener');
    return { kind: 'internal', listener };
  }
  const socket = address?.socketAddress;
  if (!socket) throw invalidConfig(path, 'holds no address');
  const protocols = enumOf('envoy.config.core.v3.SocketAddress.Protocol');
  if ((socket.protocol ?? 0) !== protocols.TCP)
    throw invalidConfig(`${path}.socket_address.protocol`, 'only TCP is supported');
  if (socket.namedPort) throw invalidConfig(`${path}.socket_address.named_port`, 'is not supported');
  if (!socket.address) throw invalidConfig(`${path}.socket_address.address`, 'must not be empty');
  return { kind: 'socket', host: socket.address, port: socket.portValue ?? 0 };
}

/** `IP:PORT`, `[IP6]:PORT`, the path of a pipe, or `envoy://LISTENER/`: how Envoy prints addresses. */
export function addressLabel(address: NetworkAddress): string {
  if (address.kind === 'pipe') return address.path.replace('\0', '@');
  if (address.kind === 'internal') return `envoy://${address.listener}/`;
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
