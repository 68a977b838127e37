import { type ConfigObject, decodeDocument, parseDocuments } from '@lateen/config-schema';
import { adapters } from '@lateen/mixer';
import { resolveRules } from '@lateen/mixer-rules';
import { files, type Tally, tally, text } from './corpus.ts';

/** Samples that users applied, one by one as they come. */
const folders = ['default-rules', 'bookinfo-policy', 'bookinfo-telemetry'] as const;

interface RuleRow {
  readonly id: string;
  readonly complaints: readonly string[];
}

/** Rules of some documents that are applied together, each with what is wrong with it. */
function rulesOf(name: string, yaml: string): RuleRow[] {
  const objects = new Map<string, ConfigObject<never>[]>();
  for (const document of parseDocuments(yaml).documents) {
    const { object } = decodeDocument(document);
    if (object)
      objects.set(object.kind, [...(objects.get(object.kind) ?? []), object as ConfigObject<never>]);
  }
  const { problems } = resolveRules(
    {
      manifests: objects.get('attributemanifest') ?? [],
      handlers: objects.get('handler') ?? [],
      instances: objects.get('instance') ?? [],
      rules: objects.get('rule') ?? [],
    },
    { adapters },
  );
  return (objects.get('rule') ?? []).map(({ metadata }) => ({
    id: `${name} ${metadata.name}`,
    complaints: problems
      .filter(({ object }) => object === `rule ${metadata.namespace}/${metadata.name}`)
      .map(({ path, message }) => `${path}: ${message}`),
  }));
}

/** Rules of real YAML whose every reference resolves; those for adapters that aren't here stay below the floor. */
export const configurationTallies: Readonly<Record<string, () => Promise<Tally>>> = {
  'mixer-config': () => {
    const single = folders.flatMap((folder) =>
      files(`mixer-config/${folder}`).flatMap((file) =>
        rulesOf(file, text(`mixer-config/${folder}/${file}`)),
      ),
    );
    const testdata = files('mixer-config/testdata-config').map((file) =>
      text(`mixer-config/testdata-config/${file}`),
    );
    return tally([...single, ...rulesOf('testdata-config', testdata.join('\n---\n'))], ({ complaints }) => {
      if (complaints.length > 0) throw new Error(complaints.join('; '));
    });
  },
};
