import { kinds } from '@lateen/config-schema';
import type { ResourceType } from '@lateen/kube';
import { CommandFailure } from './surroundings.ts';

/** Resource type of a kind as a user writes it: `VirtualService`, `virtualservices`, `vs`. @throws CommandFailure */
export function resourceTypeOf(name: string): ResourceType {
  const wanted = name.toLowerCase();
  const kind = kinds.find(
    (candidate) =>
      candidate.plural === wanted ||
      candidate.singular === wanted ||
      candidate.kind.toLowerCase() === wanted ||
      candidate.shortNames.includes(wanted),
  );
  if (!kind) {
    throw new CommandFailure(
      `unknown kind "${name}"; known are ${kinds.map(({ plural }) => plural).join(', ')}`,
      2,
    );
  }
  const version = kind.versions[0] ?? 'v1';
  const apiVersion = kind.group === '' ? version : `${kind.group}/${version}`;
  return { apiVersion, plural: kind.plural, namespaced: kind.namespaced };
}
