import { globalDictionary } from '@lateen/attributes';
import { RpcError, rpcStatus } from '@lateen/rpc';

/**
 * Number of words that a caller knows; 0 stands for "as many as mixer". @throws RpcError INTERNAL when it knows words
 * that mixer doesn't: the indices would mean different things.
 */
export function checkDictionary(globalWordCount: number | undefined): number {
  const known = globalDictionary.length;
  const count = globalWordCount || known;
  if (count <= known) return count;
  throw new RpcError(
    rpcStatus.INTERNAL,
    `inconsistent global dictionary versions used: mixer knows ${known} words, caller knows ${count}`,
  );
}
