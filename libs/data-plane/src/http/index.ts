export { decodeRouteFilterConfig } from '../http-filters/registry.ts';
export { createHttpConnectionManager } from './connection-manager.ts';
