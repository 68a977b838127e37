import { BlockList, isIP } from 'node:net';
import { type adapter_list_config_Params, durationMs, enumOf } from '@lateen/protos';
import { RE2JS } from 're2js';
import { textField } from '../template/template.ts';
import { type AdapterType, type CheckResult, type DecodedParams, type Handler, refuse } from './handler.ts';
import { decodeParams } from './params.ts';

const { STRINGS, CASE_INSENSITIVE_STRINGS, IP_ADDRESSES, REGEX } = enumOf(
  'adapter.list.config.Params.ListEntryType',
);
const status = { ok: 0, invalidArgument: 3, permissionDenied: 7 } as const;

/** Lets listed values pass, or refuses them. Source: istio/istio `mixer/adapter/list`. */
export const listType: AdapterType<adapter_list_config_Params> = {
  name: 'list',
  templates: ['listentry'],
  decode(params): DecodedParams<adapter_list_config_Params> {
    const decoded = decodeParams('adapter.list.config.Params', params);
    if ('complaints' in decoded) return decoded;
    const { config } = decoded;
    if (config.providerUrl)
      return refuse('spec.params.providerUrl', 'lists from a URL are not supported, use overrides');
    if ((durationMs(config.cachingInterval) ?? 0) < 0)
      return refuse('spec.params.cachingInterval', 'must not be negative');
    if ((config.cachingUseCount ?? 0) < 0)
      return refuse('spec.params.cachingUseCount', 'must not be negative');
    const list = compileList(config.overrides ?? [], config.entryType ?? STRINGS);
    return 'complaint' in list ? refuse('spec.params.overrides', list.complaint) : decoded;
  },
};

/** A compiled list: does it have a value? A text says that the value cannot be looked up at all. */
export type List = (value: string) => boolean | string;

/** Compiles entries of one type. */
export function compileList(
  entries: readonly string[],
  type: number,
): { readonly has: List } | { readonly complaint: string } {
  switch (type) {
    case CASE_INSENSITIVE_STRINGS: {
      const known = new Set(entries.map((entry) => entry.toLowerCase()));
      return { has: (value) => known.has(value.toLowerCase()) };
    }
    case IP_ADDRESSES:
      return compileIpList(entries);
    case REGEX:
      return compileRegexList(entries);
    default: {
      const known = new Set(entries);
      return { has: (value) => known.has(value) };
    }
  }
}

function compileIpList(entries: readonly string[]): { readonly has: List } | { readonly complaint: string } {
  const known = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix, rest] = entry.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix);
    const wellFormed = prefix === undefined || /^\d{1,3}$/.test(prefix);
    if (version === 0 || rest !== undefined || !wellFormed || bits > (version === 6 ? 128 : 32)) {
      return { complaint: `${entry} is neither an IP address nor a CIDR block` };
    }
    known.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4');
  }
  return {
    has(value) {
      const version = isIP(value);
      if (version === 0) return `${value} is not a valid IP address`;
      return known.check(value, version === 6 ? 'ipv6' : 'ipv4');
    },
  };
}

function compileRegexList(
  entries: readonly string[],
): { readonly has: List } | { readonly complaint: string } {
  const patterns: RE2JS[] = [];
  for (const entry of entries) {
    try {
      patterns.push(RE2JS.compile(entry));
    } catch (error) {
      return {
        complaint: `${entry} is no regular expression: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }
  return { has: (value) => patterns.some((pattern) => pattern.test(value)) };
}

/** Handler over a list that stands in the configuration. */
export function createList(config: adapter_list_config_Params): Handler {
  const list = compileList(config.overrides ?? [], config.entryType ?? STRINGS);
  const has: List = 'has' in list ? list.has : () => list.complaint;
  const validDurationMs = durationMs(config.cachingInterval) ?? 300_000;
  const validUseCount = config.cachingUseCount || 10_000;
  const result = (code: number, message: string): CheckResult => ({
    code,
    message,
    validDurationMs,
    validUseCount,
  });
  return {
    check(instance) {
      const value = textField(instance, 'value') ?? '';
      const found = has(value);
      if (typeof found === 'string') return result(status.invalidArgument, found);
      if (found === (config.blacklist ?? false)) {
        return result(status.permissionDenied, `${value} is ${found ? 'blacklisted' : 'not whitelisted'}`);
      }
      return result(status.ok, '');
    },
  };
}
