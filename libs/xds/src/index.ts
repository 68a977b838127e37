/**
 * xDS v3: ADS (state of the world and delta) and SDS.
 *
 * Server: `createXdsServer({source, clock, logger})` → `addAds(services)` / `addSds(services)` on an `RpcServices`.
 * The `source` answers a `WatchValue<ResourceSet | undefined>` a connection; setting it is a push. Resources come
 * encoded (`ResourceEncoder`). Clusters and endpoints are delivered before listeners and routes, removals last, each
 * step acknowledged; see `server/session.ts`.
 *
 * Client: `createAdsClient` / `createSdsClient` → `subscribe(type, handler, names?)`, `setNames`, `start`, `stop`.
 */
export {
  type AdsClient,
  type AdsClientOptions,
  createAdsClient,
  createSdsClient,
} from './client/ads-client.ts';
export type { ReceivedResource, Rejection, ResourceHandler, ResourceUpdate } from './client/handler.ts';
export type { TypeStatus, WantedNames } from './client/type-state.ts';
export {
  contentVersion,
  ResourceEncoder,
  type ResourceSet,
  type ResourcesByName,
  versionOf,
  type XdsResource,
} from './resource.ts';
export { resourceNameOf, xdsTypes } from './resource-type.ts';
export type {
  ConnectionStatus,
  DeliveryStep,
  LedgerEntry,
  LedgerNack,
  SessionEvent,
  SessionLedger,
  TypeLedger,
  XdsMode,
} from './server/ledger.ts';
export {
  createXdsServer,
  type ResourceFeed,
  type ResourceSource,
  type StandingNack,
  type XdsPeer,
  type XdsServer,
  type XdsServerEvent,
  type XdsServerOptions,
} from './server/xds-server.ts';
