import type { ResourceCollector } from '../compile-proxy.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';

/** Listeners and routes of a router. */
export function compileGateways(_model: MeshModel, _proxy: Proxy, _into: ResourceCollector): void {}
