import type { envoy_config_core_v3_Node } from '@lateen/protos';
import type { RpcClient } from '@lateen/rpc';
import { type Clock, LateenError, type Logger, type Random, sleep } from '@lateen/runtime';
import { type AdsClient, createAdsClient, createSdsClient, xdsTypes } from '@lateen/xds';
import type { AdsSource } from '../bootstrap/bootstrap.ts';
import type { SecretSubscriber } from './secret-store.ts';

/** What xDS streams need of the proxy. */
export interface DiscoverySettings {
  readonly node: envoy_config_core_v3_Node;
  /** Channel to a static cluster. */
  readonly rpc: (cluster: string) => RpcClient | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const secretMessage = 'envoy.extensions.transport_sockets.tls.v3.Secret';

/** Opens the client of an xDS server. @throws LateenError LTN_XDS_NO_CLUSTER */
export function openClient(kind: 'ads' | 'sds', source: AdsSource, settings: DiscoverySettings): AdsClient {
  const client = settings.rpc(source.cluster);
  if (!client) {
    throw new LateenError(`there is no usable static cluster ${source.cluster} for ${kind}`, {
      code: 'LTN_XDS_NO_CLUSTER',
      origin: 'config',
    });
  }
  const create = kind === 'ads' ? createAdsClient : createSdsClient;
  return create({ ...settings, client, mode: source.mode });
}

/** Subscribes to secrets, of ADS and of SDS servers of their own; a stream a server. */
export class SecretStreams {
  readonly #settings: DiscoverySettings;
  readonly #clients = new Map<string, AdsClient>();
  #ads: AdsClient | undefined;
  /** What was asked of ADS before its stream was there. */
  #waiting: (() => void) | undefined;

  constructor(settings: DiscoverySettings) {
    this.#settings = settings;
  }

  readonly subscribe: SecretSubscriber = (server, names, secrets) => {
    const ask = (client: AdsClient, isNew: boolean): void => {
      if (isNew)
        client.subscribe(secretMessage, ({ updated, removed }) => secrets.apply(updated, removed), names);
      else client.setNames(secretMessage, names);
    };
    if (server === 'ads') {
      const known = this.#clients.get('ads');
      if (known) return ask(known, false);
      const begin = (): void => {
        const ads = this.#ads;
        if (!ads) return;
        this.#clients.set('ads', ads);
        ask(ads, true);
      };
      if (this.#ads) begin();
      else this.#waiting = begin;
      return;
    }
    const key = `${server.mode} ${server.cluster}`;
    const known = this.#clients.get(key);
    if (known) return ask(known, false);
    const client = openClient('sds', server, this.#settings);
    this.#clients.set(key, client);
    ask(client, true);
    client.start();
  };

  /** Names the ADS stream. */
  useAds(ads: AdsClient): void {
    this.#ads = ads;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  stop(): void {
    for (const client of this.#clients.values()) client.stop();
  }
}

/** Resolves when the first response of a type was taken, its resources or none; or after the initial fetch timeout. */
export async function firstResponse(
  ads: AdsClient,
  type: keyof typeof xdsTypes,
  options: { clock: Clock; timeoutMs: number | undefined; signal: AbortSignal },
): Promise<void> {
  const { clock, timeoutMs, signal } = options;
  const deadline = timeoutMs === undefined ? Infinity : clock.monotonic() + timeoutMs;
  const answered = (): boolean => {
    const status = ads.status().find(({ typeUrl }) => typeUrl === xdsTypes[type]);
    return (
      status !== undefined &&
      (status.version !== '' || status.resources.size > 0 || status.rejected.length > 0)
    );
  };
  // The client calls its handlers for news alone, so an empty first answer shows in its status only.
  while (!answered() && clock.monotonic() < deadline && !signal.aborted) await sleep(clock, 10, signal);
}
