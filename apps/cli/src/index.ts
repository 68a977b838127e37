/** What e2e suites and embedding programs use of the CLI: bring a mesh up, run workloads in it. */
export { type Mesh, type MeshForm, type MeshPlan, startMesh } from './mesh.ts';
export type { MeshFile } from './mesh-file.ts';
export { freePort } from './ports.ts';
export { CommandFailure, type Surroundings } from './surroundings.ts';
export type { Supervised } from './supervisor.ts';
export { readWorkloads } from './plan-file.ts';
export {
  runWorkload,
  type Workload,
  type WorkloadMesh,
  type WorkloadPlan,
  type WorkloadPort,
  type WorkloadPorts,
} from './workload.ts';
