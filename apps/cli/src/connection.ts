import { KubeClient } from '@lateen/kube';
import { type MeshFile, readAdminToken, readMeshFile, stateFolder } from './mesh-file.ts';
import type { Surroundings } from './surroundings.ts';

/** A mesh that a command talks to. */
export interface MeshConnection {
  readonly stateFolder: string;
  readonly file: MeshFile;
  readonly adminToken: string;
  readonly galley: KubeClient;
}

/** Finds the running mesh by its state folder. @throws CommandFailure when none was started there. */
export function connectMesh(surroundings: Surroundings, stateOption: string | undefined): MeshConnection {
  const folder = stateFolder(surroundings, stateOption);
  const adminToken = readAdminToken(folder);
  const file = readMeshFile(folder);
  const { clock, random } = surroundings;
  const galley = new KubeClient({ baseUrl: file.galleyApi, token: adminToken, clock, random });
  return { stateFolder: folder, file, adminToken, galley };
}
