export {
  createBusStore,
  createEmbeddedStore,
  createGalley,
  type Galley,
  type GalleyPorts,
} from './galley.ts';
export { type GalleySettings, type ListenAddress, type ProcessSettings, readSettings } from './settings.ts';
export type {
  CommitResult,
  ConfigStore,
  StoredChange,
  StoredObject,
  StoreState,
  Transaction,
} from './store/config-store.ts';
