export { type CallOptions, type ClientStream, RpcClient } from './client.ts';
export {
  channelCredentials,
  insecureChannel,
  insecureServer,
  principalsOf,
  rootCredentials,
  serverCredentials,
  type TlsIdentity,
} from './credentials.ts';
export { type Relay, relayStreams } from './relay.ts';
export { methods, type RpcMethod } from './method.ts';
export {
  createRpcServer,
  type RpcCaller,
  type RpcServerOptions,
  RpcServices,
  type ServerStream,
} from './server.ts';
export { RpcError, rpcStatus } from './status.ts';
