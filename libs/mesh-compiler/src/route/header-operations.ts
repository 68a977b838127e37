import {
  enumOf,
  type envoy_config_core_v3_HeaderValueOption as HeaderValueOption,
  type istio_networking_v1alpha3_Headers as Headers,
} from '@lateen/protos';

const appendActions = enumOf('envoy.config.core.v3.HeaderValueOption.HeaderAppendAction');
const hostHeaders: ReadonlySet<string> = new Set(['host', ':authority']);

/** Header edits of a route or of one of its destinations, in Envoy's fields. */
interface HeaderFields {
  requestHeadersToAdd?: HeaderValueOption[];
  requestHeadersToRemove?: readonly string[];
  responseHeadersToAdd?: HeaderValueOption[];
  responseHeadersToRemove?: readonly string[];
}

/** What `headers` of a VirtualService asks for. `host`: the new Host, which Envoy sets by the route's action. */
export interface HeaderEdits {
  readonly fields: HeaderFields;
  readonly host: string | undefined;
}

function additions(operations: Headers['request']): HeaderValueOption[] {
  const ordered = (map: { [key: string]: string } | undefined): [string, string][] =>
    Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const set = ordered(operations?.set)
    .filter(([key]) => !hostHeaders.has(key.toLowerCase()))
    .map(([key, value]) => ({
      header: { key, value },
      appendAction: appendActions.OVERWRITE_IF_EXISTS_OR_ADD,
    }));
  const add = ordered(operations?.add).map(([key, value]) => ({ header: { key, value } }));
  return [...set, ...add];
}

/** Translates `headers`. A `set` of Host or `:authority` becomes a host rewrite. */
export function headerEdits(headers: Headers | undefined): HeaderEdits {
  const { request, response } = headers ?? {};
  const requestAdd = additions(request);
  const responseAdd = additions(response);
  const removals = request?.remove ?? [];
  const responseRemovals = response?.remove ?? [];
  const host = Object.entries(request?.set ?? {}).find(([key]) => hostHeaders.has(key.toLowerCase()))?.[1];
  return {
    host,
    fields: {
      ...(requestAdd.length > 0 ? { requestHeadersToAdd: requestAdd } : {}),
      ...(removals.length > 0 ? { requestHeadersToRemove: removals } : {}),
      ...(responseAdd.length > 0 ? { responseHeadersToAdd: responseAdd } : {}),
      ...(responseRemovals.length > 0 ? { responseHeadersToRemove: responseRemovals } : {}),
    },
  };
}
