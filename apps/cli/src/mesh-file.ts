import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { CommandFailure, type Surroundings } from './surroundings.ts';

/** Where a running mesh is reached; `lateen up` writes it, every other command reads it. */
export interface MeshFile {
  /** Process that holds the mesh up. */
  readonly processId: number;
  readonly galleyApi: string;
  /** MCP source, for sinks that may read the configuration. */
  readonly galleyMcp: string;
  readonly citadelAddress: string;
  readonly citadelAdmin: string;
  readonly pilotAddress: string;
  readonly pilotDebug: string;
  readonly mixerAddress: string;
  readonly gateway: string | undefined;
}

/** Folder of a mesh's state: `--state-dir`, LATEEN_STATE_DIR, or `.lateen` here. */
export function stateFolder(surroundings: Surroundings, option: string | undefined): string {
  const folder = option ?? surroundings.environment.LATEEN_STATE_DIR ?? '.lateen';
  return isAbsolute(folder) ? folder : join(surroundings.workingFolder, folder);
}

const fileOf = (folder: string): string => join(folder, 'mesh.json');

/** Addresses of the components as they listen when each runs as its own process (`nx run-many -t serve`). */
const distributedDefaults: MeshFile = {
  processId: 0,
  galleyApi: 'http://127.0.0.1:9876',
  galleyMcp: '127.0.0.1:9901',
  citadelAddress: '127.0.0.1:8060',
  citadelAdmin: 'http://127.0.0.1:8061',
  pilotAddress: '127.0.0.1:15012',
  pilotDebug: 'http://127.0.0.1:15014',
  mixerAddress: '127.0.0.1:9091',
  gateway: undefined,
};

/** The mesh of a state folder: what `lateen up` wrote, else the addresses of the distributed form. */
export function readMeshFile(folder: string): MeshFile {
  try {
    return JSON.parse(readFileSync(fileOf(folder), 'utf8')) as MeshFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return distributedDefaults;
    throw new CommandFailure(
      `${fileOf(folder)} can't be read (${(error as Error).message}); delete it if no mesh runs`,
    );
  }
}

/** Writes the mesh file, readable by its owner alone; readers see the old or the new one, never half of it. */
export function writeMeshFile(folder: string, mesh: MeshFile): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${fileOf(folder)}.${mesh.processId}`;
  writeFileSync(draft, `${JSON.stringify(mesh, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, fileOf(folder));
}

/** Forgets the mesh when it has been taken down. */
export function removeMeshFile(folder: string): void {
  rmSync(fileOf(folder), { force: true });
}

/** Token of the local APIs. @throws CommandFailure when no mesh has made one. */
export function readAdminToken(folder: string): string {
  const file = join(folder, 'admin-token');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new CommandFailure(
      `no mesh was started here: ${file} is missing; run "lateen up", or give --state-dir`,
    );
  }
}
