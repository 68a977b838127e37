import { objectToJson } from '@lateen/config-schema';
import { type CompileProblem, serviceList } from '@lateen/mesh-compiler';
import { anyName, decode, isMessageName, structJson, toJson } from '@lateen/protos';
import { type ConnectionStatus, type TypeLedger, xdsTypes } from '@lateen/xds';
import type { ConnectedProxy } from '../discovery/discovery.ts';
import type { MeshState } from '../snapshot/mesh-state.ts';

/** State of one type at one proxy, in the words of `istioctl proxy-status`; NACK when a refusal stands. */
type SyncState = 'SYNCED' | 'STALE' | 'NOT SENT' | 'NACK';

/** A proxy as `/debug/syncz` shows it. */
export interface SyncStatus {
  /** Node id. */
  readonly proxy: string;
  readonly connection: string;
  readonly cds: SyncState;
  readonly eds: SyncState;
  readonly lds: SyncState;
  readonly rds: SyncState;
  readonly mode: 'sotw' | 'delta';
  readonly istioVersion: string;
  /** `REVISION.N` that it was offered last, and the last of which it acknowledged everything. */
  readonly offered: string | undefined;
  readonly acked: string | undefined;
  readonly nacks: readonly { type: string; message: string; at: string }[];
}

const sections = {
  cds: xdsTypes.cluster,
  eds: xdsTypes.endpoint,
  lds: xdsTypes.listener,
  rds: xdsTypes.route,
} as const;

function syncState(ledger: TypeLedger | undefined): SyncState {
  if (ledger?.nack) return 'NACK';
  if (!ledger || (!ledger.sent && !ledger.acked)) return 'NOT SENT';
  return ledger.outstanding ? 'STALE' : 'SYNCED';
}

function istioVersionOf(status: ConnectionStatus): string {
  const { metadata } = status.node;
  const version = metadata ? structJson(metadata).ISTIO_VERSION : undefined;
  return typeof version === 'string' ? version : '';
}

/** `/debug/syncz`: who has acknowledged what. */
export function syncz(connections: readonly ConnectionStatus[]): SyncStatus[] {
  return connections.map((status) => {
    const of = (type: keyof typeof sections): TypeLedger | undefined =>
      status.types.find(({ typeUrl }) => typeUrl === sections[type]);
    const names = Object.keys(sections) as (keyof typeof sections)[];
    return {
      proxy: status.node.id ?? '',
      connection: status.id,
      cds: syncState(of('cds')),
      eds: syncState(of('eds')),
      lds: syncState(of('lds')),
      rds: syncState(of('rds')),
      mode: status.mode,
      istioVersion: istioVersionOf(status),
      offered: status.offered,
      acked: status.acked,
      nacks: names.flatMap((type) => {
        const nack = of(type)?.nack;
        return nack ? [{ type, message: nack.message, at: new Date(nack.at).toISOString() }] : [];
      }),
    };
  });
}

/** `/debug/adsz`: connections and what they subscribe to. */
export function adsz(connections: readonly ConnectionStatus[]): object {
  return {
    totalClients: connections.length,
    clients: connections.map((status) => ({
      connectionId: `${status.node.id ?? ''}-${status.id}`,
      connectedAt: new Date(status.connectedAt).toISOString(),
      address: status.peer,
      mode: status.mode,
      step: status.step,
      metadata: status.node.metadata ? structJson(status.node.metadata) : {},
      watches: status.types.map(({ typeUrl, wildcard, names, resources, sent, acked }) => ({
        typeUrl,
        names: wildcard ? ['*', ...names] : names,
        resources,
        nonceSent: sent?.nonce ?? '',
        nonceAcked: acked?.nonce ?? '',
        version: acked?.version ?? '',
      })),
    })),
  };
}

/** `/debug/registryz`: services with ports and endpoints. */
export function registryz(state: MeshState): unknown {
  return serviceList(state.model);
}

/** `/debug/endpointz`: endpoints by service port. */
export function endpointz(state: MeshState): object[] {
  return serviceList(state.model).flatMap(({ host, ports }) =>
    ports.map(({ name, number, endpoints }) => ({ service: `${host}:${name || number}`, endpoints })),
  );
}

/** `/debug/configz`: the configuration that is in force. */
export function configz(state: MeshState): object {
  const objects = [...state.snapshot.objects.values()].flatMap((collection) => [...collection.values()]);
  return { revision: state.snapshot.revision, version: state.version, objects: objects.map(objectToJson) };
}

/** `/debug/config_dump`: what a proxy was given, as proto3 JSON, and what could not be compiled for it. */
export function configDump(proxy: ConnectedProxy): {
  cluster: unknown[];
  endpoint: unknown[];
  listener: unknown[];
  route: unknown[];
  version: string | undefined;
  problems: readonly CompileProblem[];
} {
  const set = proxy.resources.current;
  const opened = (typeUrl: string): unknown[] =>
    [...(set?.types.get(typeUrl)?.values() ?? [])].map(({ body }) => {
      const name = anyName(body);
      return isMessageName(name) ? toJson(name, decode(name, body.value ?? new Uint8Array())) : {};
    });
  return {
    cluster: opened(xdsTypes.cluster),
    endpoint: opened(xdsTypes.endpoint),
    listener: opened(xdsTypes.listener),
    route: opened(xdsTypes.route),
    version: set?.version,
    problems: proxy.problems,
  };
}
