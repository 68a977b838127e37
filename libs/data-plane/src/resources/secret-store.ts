import { invalidConfig } from '@lateen/matching';
import type {
  envoy_extensions_transport_sockets_tls_v3_SdsSecretConfig,
  envoy_extensions_transport_sockets_tls_v3_Secret,
} from '@lateen/protos';
import { WatchValue } from '@lateen/runtime';
import type { ReceivedResource } from '@lateen/xds';
import { type AdsSource, readGrpcSource } from '../bootstrap/bootstrap.ts';
import type { SecretSource, SecretWatch } from '../tls/secret-source.ts';
import { checkSecret } from '../tls/tls-material.ts';
import { WatchedResources } from './watched-resources.ts';

type Secret = envoy_extensions_transport_sockets_tls_v3_Secret;

/** Secrets of one server, by name. */
export type SecretResources = WatchedResources<Secret, Secret>;

/** Asks a server for secrets; called whenever the names grow. `ads`: the server of everything else. */
export type SecretSubscriber = (
  server: 'ads' | AdsSource,
  names: ReadonlySet<string>,
  secrets: SecretResources,
) => void;

/**
 * Secrets of the bootstrap, of ADS and of SDS servers. Names are asked for as long as the process lives: they are few
 * (`default`, `ROOTCA`, a gateway's credentials), and a secret that comes back is there at once.
 */
export class SecretStore implements SecretSource {
  readonly #static = new Map<string, WatchValue<Secret | undefined>>();
  readonly #servers = new Map<string, { names: Set<string>; secrets: SecretResources }>();
  readonly #subscribe: SecretSubscriber;

  constructor(subscribe: SecretSubscriber) {
    this.#subscribe = subscribe;
  }

  /** Adds a secret of the bootstrap. @throws LateenError LTN_CONFIG_INVALID when it can't be used */
  addStatic(secret: Secret): void {
    checkSecret(secret);
    this.#static.set(secret.name ?? '', new WatchValue<Secret | undefined>(secret));
  }

  watch(config: envoy_extensions_transport_sockets_tls_v3_SdsSecretConfig, path: string): SecretWatch {
    const name = config.name ?? '';
    if (name === '') throw invalidConfig(`${path}.name`, 'must not be empty');
    const source = config.sdsConfig;
    if (!source) {
      const known = this.#static.get(name);
      if (!known) throw invalidConfig(`${path}.name`, `there is no static secret "${name}"`);
      return known;
    }
    if (source.ads) return this.#watchServer('ads', name);
    if (source.apiConfigSource) {
      return this.#watchServer(
        readGrpcSource(source.apiConfigSource, `${path}.sds_config.api_config_source`),
        name,
      );
    }
    throw invalidConfig(`${path}.sds_config`, 'only ads and api_config_source are supported');
  }

  /** Secrets in force with their versions, for the admin server. Their keys must not be shown. */
  status(): readonly ReceivedResource<Secret>[] {
    const fixed = [...this.#static].map(([name, { current }]) => ({
      name,
      version: 'static',
      message: current ?? {},
    }));
    return [...fixed, ...[...this.#servers.values()].flatMap(({ secrets }) => [...secrets.sources.values()])];
  }

  #watchServer(server: 'ads' | AdsSource, name: string): SecretWatch {
    const key = server === 'ads' ? 'ads' : `${server.mode} ${server.cluster}`;
    let known = this.#servers.get(key);
    if (!known) {
      const secrets: SecretResources = new WatchedResources((secret) => {
        checkSecret(secret);
        return secret;
      });
      this.#servers.set(key, (known = { names: new Set(), secrets }));
    }
    if (!known.names.has(name)) {
      known.names.add(name);
      this.#subscribe(server, known.names, known.secrets);
    }
    return known.secrets.watch(name);
  }
}
