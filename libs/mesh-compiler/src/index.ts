export { compileEndpoints, compileProxy, type ProxyResources } from './compile-proxy.ts';
export {
  createMeshModel,
  type MeshModel,
  type MeshModelOptions,
  type ServiceInstance,
} from './model/mesh-model.ts';
export type { MixerDemand } from './model/mixer-rules.ts';
export type { MtlsMode } from './model/peer-authentication.ts';
export type { CompileProblem } from './model/problem.ts';
export type { Protocol } from './model/protocol.ts';
export { type InboundPort, parseProxy, type Proxy } from './model/proxy.ts';
export type { Endpoint, Resolution, Service, ServicePort } from './model/service.ts';
export type { ConfigSnapshot } from './model/spec.ts';
export { type ServiceSummary, serviceList } from './service-list.ts';
export type { SimulatedCall } from './simulator/call.ts';
export {
  type EncodedResources,
  encodeResources,
  type ReceivedResources,
} from './simulator/encoded-resources.ts';
export {
  type ExplainedRequest,
  type ExplainedRule,
  type ExplainedServer,
  explainCall,
  type Explanation,
  type JudgedRequest,
  type PolicyJudge,
} from './simulator/explanation.ts';
export {
  createSimulator,
  type SimulationError,
  type SimulationResult,
  type Simulator,
} from './simulator/simulator.ts';
