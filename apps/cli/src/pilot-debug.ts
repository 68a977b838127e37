import { messageOf } from '@lateen/runtime';
import type { MeshConnection } from './connection.ts';
import { CommandFailure } from './surroundings.ts';

/** One proxy in `/debug/syncz`: per type SYNCED, STALE or NOT SENT. */
export interface SyncStatus {
  readonly proxy: string;
  readonly cds?: string;
  readonly eds?: string;
  readonly lds?: string;
  readonly rds?: string;
}

/** Asks pilot's debug API. @throws CommandFailure with pilot's answer. */
export async function askPilot(mesh: MeshConnection, path: string): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(mesh.file.pilotDebug + path, {
      headers: { authorization: `Bearer ${mesh.adminToken}` },
      signal: AbortSignal.timeout(10_000),
    });
  } catch (error) {
    throw new CommandFailure(
      `pilot doesn't answer at ${mesh.file.pilotDebug} (${messageOf(error)}); is the mesh up?`,
    );
  }
  if (!response.ok)
    throw new CommandFailure(`pilot answers ${response.status}: ${(await response.text()).slice(0, 500)}`);
  return response.json();
}
