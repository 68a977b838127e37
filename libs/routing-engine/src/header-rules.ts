import { boolOr, invalidConfig } from '@lateen/matching';
import { type envoy_config_core_v3_HeaderValueOption, enumOf } from '@lateen/protos';
import type { HeaderRules, MutableHeaders } from './decision.ts';
import { compileFormat, type Formatter } from './format.ts';

/** The header fields of one level (table, virtual host, route, weighted cluster), for one direction. */
export interface HeaderEdits {
  readonly add: readonly envoy_config_core_v3_HeaderValueOption[];
  readonly remove: readonly string[];
}

interface Addition {
  readonly name: string;
  readonly format: Formatter;
  readonly keepEmpty: boolean;
  readonly put: (headers: MutableHeaders, name: string, value: string) => void;
}

function checkName(name: string, path: string): string {
  const lower = name.toLowerCase();
  if (lower === '') throw invalidConfig(path, 'must not be empty');
  if (lower.startsWith(':') || lower === 'host') {
    throw invalidConfig(path, `"${name}" may not be changed here: use a host or path rewrite`);
  }
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(lower)) throw invalidConfig(path, `"${name}" is no header name`);
  return lower;
}

function putOf(option: envoy_config_core_v3_HeaderValueOption, path: string): Addition['put'] {
  const actions = enumOf('envoy.config.core.v3.HeaderValueOption.HeaderAppendAction');
  const action = option.appendAction ?? actions.APPEND_IF_EXISTS_OR_ADD;
  // The older `append` wrapper means the same as two of the actions.
  if (option.append && action !== actions.APPEND_IF_EXISTS_OR_ADD) {
    throw invalidConfig(path, 'both append and append_action are set');
  }
  if (!boolOr(option.append, true)) return (headers, name, value) => headers.set(name, value);
  switch (action) {
    case actions.APPEND_IF_EXISTS_OR_ADD:
      return (headers, name, value) => headers.append(name, value);
    case actions.ADD_IF_ABSENT:
      return (headers, name, value) => {
        if (headers.get(name) === undefined) headers.append(name, value);
      };
    case actions.OVERWRITE_IF_EXISTS_OR_ADD:
      return (headers, name, value) => headers.set(name, value);
    case actions.OVERWRITE_IF_EXISTS:
      return (headers, name, value) => {
        if (headers.get(name) !== undefined) headers.set(name, value);
      };
    default:
      throw invalidConfig(`${path}.append_action`, `${action} is unknown`);
  }
}

/** No edits. */
const noHeaderRules: HeaderRules = { empty: true, apply() {} };

/**
 * Compiles the header edits of one level. `path` is the level's path and `direction` the fields' prefix:
 * `request_headers` or `response_headers`.
 * @throws LateenError LTN_CONFIG_INVALID for pseudo headers, host, bad names and unknown formatters
 */
export function compileHeaderRules(
  edits: HeaderEdits,
  path: string,
  direction: 'request_headers' | 'response_headers',
): HeaderRules {
  if (edits.add.length === 0 && edits.remove.length === 0) return noHeaderRules;
  const at = path === '' ? direction : `${path}.${direction}`;
  const removals = edits.remove.map((name, index) => checkName(name, `${at}_to_remove[${index}]`));
  const additions = edits.add.map((option, index): Addition => {
    const here = `${at}_to_add[${index}]`;
    const name = checkName(option.header?.key ?? '', `${here}.header.key`);
    const raw = option.header?.rawValue;
    const text = option.header?.value || (raw && raw.length > 0 ? Buffer.from(raw).toString('latin1') : '');
    if (/[\r\n\0]/.test(text)) throw invalidConfig(`${here}.header.value`, 'has a line break or a NUL');
    const format = compileFormat(text, `${here}.header.value`, { absent: '' });
    return { name, format, keepEmpty: option.keepEmptyValue ?? false, put: putOf(option, here) };
  });
  return {
    empty: false,
    apply(headers, context) {
      for (const name of removals) headers.delete(name);
      for (const { name, format, keepEmpty, put } of additions) {
        const value = format(context);
        if (value !== '' || keepEmpty) put(headers, name, value);
      }
    },
  };
}
