import type { KindDefinition } from '@lateen/config-schema';
import { ApiFailure } from './api-status.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

/** Patches that change the stored object; server-side apply is another thing. */
export type PatchType = 'json' | 'merge' | 'strategic';

const types: ReadonlyMap<string, PatchType | 'apply'> = new Map([
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
  ['application/apply-patch+yaml', 'apply'],
]);

/** Patch type of a media type. @throws ApiFailure UnsupportedMediaType. */
export function patchTypeOf(mediaType: string): PatchType | 'apply' {
  const type = types.get(mediaType);
  if (type) return type;
  throw new ApiFailure(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${[...types.keys()].join(', ')}`,
  );
}

/**
 * The object with the patch applied. @throws ApiFailure UnsupportedMediaType for a strategic patch of a kind that isn't
 * Kubernetes' own, as for any custom resource.
 */
export function applyPatch(
  type: PatchType,
  object: unknown,
  { patch, kind }: { readonly patch: unknown; readonly kind: KindDefinition },
): unknown {
  switch (type) {
    case 'json':
      return jsonPatch(object, patch);
    case 'merge':
      return mergePatch(object, patch);
    case 'strategic':
      if (kind.group !== '') {
        const accepted = [...types.keys()].filter((name) => types.get(name) !== 'strategic').join(', ');
        throw new ApiFailure(
          'UnsupportedMediaType',
          `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
        );
      }
      return strategicMergePatch(object, patch);
  }
}
