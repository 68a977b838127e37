import { messageOf } from '@lateen/runtime';
import type { MeshFile } from './mesh-file.ts';
import { CommandFailure } from './surroundings.ts';

/** Life of a join token: long enough to start a workload, too short to be worth stealing. Seconds. */
export const joinTokenTtlSeconds = 600;

/** Asks citadel for a token that lets one workload prove who it is. @throws CommandFailure with citadel's answer. */
export async function requestJoinToken(
  mesh: MeshFile,
  adminToken: string,
  workload: { readonly namespace: string; readonly serviceAccount: string },
): Promise<string> {
  const { namespace, serviceAccount } = workload;
  let response: Response;
  try {
    response = await fetch(`${mesh.citadelAdmin}/v1/join-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ namespace, serviceAccount, ttlSeconds: joinTokenTtlSeconds }),
      signal: AbortSignal.timeout(5000),
    });
  } catch (error) {
    throw new CommandFailure(
      `citadel doesn't answer at ${mesh.citadelAdmin} (${messageOf(error)}); is the mesh up?`,
    );
  }
  const answer = (await response.json()) as { token?: string; message?: string };
  if (!response.ok || !answer.token) {
    throw new CommandFailure(
      `citadel gave no join token for ${namespace}/${serviceAccount}: ${answer.message ?? response.status}`,
    );
  }
  return answer.token;
}
