import { invalidConfig, refuseFields } from '@lateen/matching';
import {
  type envoy_config_common_mutation_rules_v3_HeaderMutation as Mutation,
  type envoy_extensions_filters_http_header_mutation_v3_Mutations as Mutations,
  unpackAny,
} from '@lateen/protos';
import { compileHeaderRules, type HeaderRules } from '@lateen/routing-engine';
import type { FilterStream, HttpFilter } from './filter.ts';
import type { HttpFilterKind } from './kind.ts';

const config = 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation';
const routeConfig = 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute';

interface Edits {
  readonly request: readonly HeaderRules[];
  readonly response: readonly HeaderRules[];
}

function compileList(
  list: readonly Mutation[],
  path: string,
  direction: 'request_headers' | 'response_headers',
): HeaderRules[] {
  // One rule a mutation: they run in the order in which they stand, removals among additions.
  return list.map((mutation, index) => {
    if (mutation.remove === undefined && !mutation.append)
      throw invalidConfig(`${path}[${index}]`, 'changes nothing');
    const edits = {
      add: mutation.append ? [mutation.append] : [],
      remove: mutation.remove === undefined ? [] : [mutation.remove],
    };
    return compileHeaderRules(edits, `${path}[${index}]`, direction);
  });
}

function compileMutations(mutations: Mutations | undefined, path: string): Edits {
  return {
    request: compileList(mutations?.requestMutations ?? [], `${path}.request_mutations`, 'request_headers'),
    response: compileList(
      mutations?.responseMutations ?? [],
      `${path}.response_mutations`,
      'response_headers',
    ),
  };
}

/** Header edits by a filter (Envoy's header_mutation): the filter's own, then the route's. */
export const headerMutation: HttpFilterKind = {
  config,
  routeConfig,
  decodeRoute: (any, path) => compileMutations(unpackAny(routeConfig, any).mutations, `${path}.mutations`),
  compile(any, { name, path }) {
    const fields = unpackAny(config, any);
    refuseFields(fields, path, ['mostSpecificHeaderMutationsWins']);
    const own = compileMutations(fields.mutations, `${path}.mutations`);
    const ofRoute = (stream: FilterStream): Edits | undefined =>
      stream.routeConfig(name) as Edits | undefined;
    const filter: HttpFilter = {
      name,
      onRequest(stream) {
        for (const rules of own.request) rules.apply(stream.requestHeaders, stream);
        for (const rules of ofRoute(stream)?.request ?? []) rules.apply(stream.requestHeaders, stream);
        return 'continue';
      },
      onResponse(stream, headers) {
        for (const rules of own.response) rules.apply(headers, stream);
        for (const rules of ofRoute(stream)?.response ?? []) rules.apply(headers, stream);
      },
    };
    return filter;
  },
};
