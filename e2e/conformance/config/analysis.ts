import { analyze, decodeDocument, parseDocuments } from '@lateen/config-schema';
import { corpusJson, corpusText, tally, type Tally } from './corpus.ts';

interface Row {
  readonly id: string;
  readonly analyzer: string;
  readonly files: readonly string[];
  readonly kubernetesOnly?: boolean;
  readonly expected: readonly { code: string; kind: string; namespace: string | null; name: string }[];
}

/** Istio's analyzers that have one of ours, with the codes that they say. */
const codes: ReadonlyMap<string, readonly string[]> = new Map([
  ['virtualservice.DestinationHostAnalyzer', ['IST0101', 'IST0112']],
  ['virtualservice.DestinationRuleAnalyzer', ['IST0101']],
  ['virtualservice.GatewayAnalyzer', ['IST0101', 'IST0132']],
  ['virtualservice.ConflictingMeshGatewayHostsAnalyzer', ['IST0109']],
  ['gateway.ConflictingGatewayAnalyzer', ['IST0145']],
]);

/** What is said of a destination's host, of its subset or of a gateway: told apart by the field, since codes are shared. */
const fields: ReadonlyMap<string, RegExp> = new Map([
  ['virtualservice.DestinationHostAnalyzer', /\.(host|port\.number|destination|mirror)$/],
  ['virtualservice.DestinationRuleAnalyzer', /\.subset$/],
  ['virtualservice.GatewayAnalyzer', /^spec\.(gateways|hosts)/],
]);

/** Messages of the analyzers, as a multiset of code and object. */
export function analysisTally(): Tally {
  const { cases } = corpusJson('analyze/expected.json') as { cases: readonly Row[] };
  return tally(
    cases
      .filter(({ analyzer }) => codes.has(analyzer))
      .map(({ id, analyzer, files, expected }) => {
        const objects = files.flatMap((file) =>
          parseDocuments(corpusText(`analyze/${file}`), file).documents.flatMap((document) => {
            const { object } = decodeDocument(document, { keepInvalid: true });
            return object ? [object] : [];
          }),
        );
        const found = analyze(objects)
          .filter(
            ({ code, path }) =>
              codes.get(analyzer)?.includes(code) && (fields.get(analyzer)?.test(path) ?? true),
          )
          .map(({ code, namespace, name }) => `${code} ${namespace}/${name}`)
          .sort();
        const wanted = expected
          .map(({ code, namespace, name }) => `${code} ${namespace ?? 'default'}/${name}`)
          .sort();
        const same = found.join() === wanted.join();
        return [
          id,
          same
            ? undefined
            : `expected ${wanted.join(', ') || 'nothing'}, found ${found.join(', ') || 'nothing'}`,
        ] as const;
      }),
  );
}
