import {
  channelCredentials,
  insecureChannel,
  rootCredentials,
  RpcClient,
  type TlsIdentity,
} from '@lateen/rpc';
import { type Unsubscribe, WatchValue } from '@lateen/runtime';
import type { UpstreamTls } from '../tls/upstream-tls.ts';
import type { Host } from './host.ts';
import type { ManagedCluster } from './managed-cluster.ts';

interface Channel {
  readonly cluster: ManagedCluster;
  readonly target: string;
  readonly client: RpcClient;
  readonly stop: Unsubscribe;
}

function targetOf(host: Host): string | undefined {
  const { address } = host;
  // gRPC writes abstract sockets with their own scheme.
  if (address.kind === 'pipe')
    return address.path.startsWith('\0') ? `unix-abstract:${address.path.slice(1)}` : `unix:${address.path}`;
  return address.kind === 'socket' ? host.label : undefined;
}

/** gRPC channels of calls that the proxy makes itself, with the transport of a cluster. One a cluster. */
export class RpcChannels {
  readonly #find: (name: string) => ManagedCluster | undefined;
  readonly #channels = new Map<string, Channel>();

  constructor(find: (name: string) => ManagedCluster | undefined) {
    this.#find = find;
  }

  /** Channel to a cluster's first available host; `undefined` while there is none or its certificates are missing. */
  get(name: string): RpcClient | undefined {
    const cluster = this.#find(name);
    const host = cluster && [...cluster.hosts].find(({ available }) => available);
    const target = host && targetOf(host);
    const known = this.#channels.get(name);
    if (known && known.cluster === cluster && known.target === target) return known.client;
    this.#drop(name);
    if (!cluster || !host || target === undefined) return undefined;
    const tls = cluster.transports.choose(host.metadata);
    const opened = open(target, tls);
    if (!opened) return undefined;
    this.#channels.set(name, { cluster, target, ...opened });
    return opened.client;
  }

  close(): void {
    for (const name of this.#channels.keys()) this.#drop(name);
  }

  #drop(name: string): void {
    const known = this.#channels.get(name);
    this.#channels.delete(name);
    known?.stop();
    known?.client.close();
  }
}

function open(target: string, tls: UpstreamTls | undefined): Pick<Channel, 'client' | 'stop'> | undefined {
  if (!tls) return { client: new RpcClient(target, insecureChannel()), stop: () => {} };
  const material = tls.material.current;
  if (!material) return undefined;
  const serverPrincipals = tls.expectedNames;
  if (material.certificateChain === '') {
    return {
      client: new RpcClient(target, rootCredentials(material.trustBundle, { serverPrincipals })),
      stop: () => {},
    };
  }
  const identity = new WatchValue<TlsIdentity | undefined>(undefined);
  const stop = tls.material.subscribe((newest) => {
    if (!newest) return;
    const { certificateChain, privateKey, trustBundle } = newest;
    identity.set({ certificateChain, privateKey, trustBundle });
  });
  return { client: new RpcClient(target, channelCredentials(identity, { serverPrincipals })), stop };
}
