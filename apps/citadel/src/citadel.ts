import { join } from 'node:path';
import {
  formatWorkloadId,
  mintJoinToken,
  type Parsed,
  rootNamespace,
  spiffeIdOfSegments,
} from '@lateen/identity';
import { createRpcServer, serverCredentials } from '@lateen/rpc';
import {
  adminToken,
  type Clock,
  type Component,
  composeComponents,
  LateenError,
  type Logger,
  MetricsRegistry,
  type Secret,
} from '@lateen/runtime';
import { clientCertificate } from './authenticators/client-certificate.ts';
import { joinToken } from './authenticators/join-token.ts';
import { type Authority, createAuthority } from './authority/authority.ts';
import { loadAuthority, loadTokenKey } from './authority/authority-store.ts';
import { ensureFolder } from './authority/durable-file.ts';
import { createComponentTokens } from './component-tokens.ts';
import { createAdminApi } from './server/admin-api.ts';
import { createCertificateService } from './server/certificate-service.ts';
import { createServerMetrics } from './server/metrics.ts';
import { createServingIdentity } from './server/serving-identity.ts';
import type { CitadelSettings } from './settings.ts';

/** What citadel takes from its surroundings. */
export interface CitadelPorts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A running certificate authority. */
export interface Citadel extends Component {
  /** Bound port of CreateCertificate, after `start`. */
  readonly port: number;
  /** Bound port of the admin API, after `start`. */
  readonly adminPort: number;
  /** Hex SHA-256 of the root certificate's DER, after `start`. */
  readonly rootSha256: string;
  /** PEM of the root certificate, after `start`. */
  readonly rootCertificate: string;
  /**
   * Join token of a service account. Life in milliseconds.
   * @throws LateenError LTN_CITADEL_IDENTITY when the names make no SPIFFE id, LTN_CITADEL_NOT_STARTED before `start`.
   */
  issueJoinToken(namespace: string, serviceAccount: string, ttlMs: number): Promise<string>;
}

interface Opened {
  readonly authority: Authority;
  readonly tokenKey: ReturnType<typeof loadTokenKey>;
  readonly adminToken: Secret;
}

/** Citadel of a state folder. Nothing is read or listened on before `start`. */
export function createCitadel(settings: CitadelSettings, ports: CitadelPorts): Citadel {
  const { clock, logger } = ports;
  const { trustDomain } = settings;
  const registry = new MetricsRegistry();
  const metrics = createServerMetrics(registry);
  let opened: Opened | undefined;
  let running: Component | undefined;
  let bound: { readonly port: number } | undefined;

  const open = (): Opened => {
    if (opened) return opened;
    throw new LateenError('citadel is not started', { code: 'LTN_CITADEL_NOT_STARTED', origin: 'internal' });
  };
  const mint = async (namespace: string, serviceAccount: string, ttlMs: number): Promise<Parsed<string>> => {
    const { authority, tokenKey } = open();
    const id = spiffeIdOfSegments(trustDomain, ['ns', namespace, 'sa', serviceAccount]);
    if ('complaint' in id)
      return { complaint: `namespace and service account make no identity: ${id.complaint}` };
    const subject = formatWorkloadId({ trustDomain, namespace, serviceAccount });
    const { rootSha256 } = authority;
    return {
      value: await mintJoinToken(tokenKey.privateKey, { subject, rootSha256, nowMs: clock.now(), ttlMs }),
    };
  };
  const issueJoinToken = async (
    namespace: string,
    serviceAccount: string,
    ttlMs: number,
  ): Promise<string> => {
    const minted = await mint(namespace, serviceAccount, ttlMs);
    if ('value' in minted) return minted.value;
    throw new LateenError(minted.complaint, { code: 'LTN_CITADEL_IDENTITY', origin: 'config' });
  };

  const serving = createServingIdentity({
    authority: () => open().authority,
    trustDomain,
    ttlMs: settings.defaultWorkloadTtlMs,
    clock,
  });
  const adminApi = createAdminApi({
    address: settings.adminAddress,
    adminToken: () => open().adminToken,
    metrics: registry,
    issueJoinToken: async (...names) => {
      const minted = await mint(...names);
      return 'value' in minted ? { token: minted.value } : minted;
    },
  });
  const tokens = createComponentTokens({
    folder: join(settings.stateDir, 'tokens'),
    issue: (serviceAccount, ttlMs) => issueJoinToken(rootNamespace, serviceAccount, ttlMs),
    clock,
    logger,
  });

  const openState = (): Opened => {
    const folder = join(settings.stateDir, 'citadel');
    const material = loadAuthority({
      folder,
      rootCaDir: settings.rootCaDir,
      trustDomain,
      nowMs: clock.now(),
    });
    ensureFolder(settings.stateDir);
    return {
      authority: createAuthority(material, clock),
      tokenKey: loadTokenKey(folder),
      adminToken: adminToken(settings.stateDir),
    };
  };
  const createServer = ({ authority, tokenKey }: Opened) =>
    createRpcServer({
      name: 'citadel',
      address: settings.address,
      credentials: serverCredentials(serving.identity, { clientCertificate: 'optional' }),
      services: createCertificateService({
        authority,
        authenticators: [
          clientCertificate(trustDomain),
          joinToken({ publicKey: tokenKey.publicKey, trustDomain, clock }),
        ],
        defaultTtlMs: settings.defaultWorkloadTtlMs,
        maxTtlMs: settings.maxWorkloadTtlMs,
        metrics,
        logger,
      }),
      maxMessageBytes: 64 * 1024,
    });

  return {
    name: 'citadel',
    get port() {
      return bound?.port ?? 0;
    },
    get adminPort() {
      return adminApi.port;
    },
    get rootSha256() {
      return open().authority.rootSha256;
    },
    get rootCertificate() {
      return open().authority.root.toString();
    },
    issueJoinToken,
    async start() {
      opened = openState();
      metrics.rootExpiry.set(opened.authority.root.validToDate.getTime() / 1000);
      const server = createServer(opened);
      bound = server;
      // The components' tokens come last: who finds one finds the server behind it listening.
      running = composeComponents('citadel', [serving, server, adminApi, tokens]);
      await running.start();
      logger.info(
        { port: server.port, adminPort: adminApi.port, root: opened.authority.rootSha256 },
        'citadel serves',
      );
    },
    async stop() {
      await running?.stop();
    },
  };
}
