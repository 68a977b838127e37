import { subnetProblem } from './address.ts';

/** What may be asked of an attribute's values. */
type ValueCheck = (value: string) => string | undefined;

const portValue: ValueCheck = (value) =>
  /^\d{1,5}$/.test(value) && Number(value) <= 65535 ? undefined : `"${value}" is no port number`;

const anything: ValueCheck = () => undefined;

/** Attributes of a condition by their whole key. Source: Istio authorization policy conditions. */
const attributes: ReadonlyMap<string, ValueCheck> = new Map<string, ValueCheck>([
  ['source.ip', subnetProblem],
  ['remote.ip', subnetProblem],
  ['source.namespace', anything],
  ['source.principal', anything],
  ['source.serviceAccount', anything],
  ['source.trustDomain', anything],
  ['request.auth.principal', anything],
  ['request.auth.audiences', anything],
  ['request.auth.presenter', anything],
  ['destination.ip', subnetProblem],
  ['destination.port', portValue],
  ['connection.sni', anything],
]);

/** Attributes that go on with a name: `request.headers[x-user]`. */
const prefixes = ['request.headers', 'request.auth.claims', 'experimental.envoy.filters.'];

/** Every whole key and prefix, for suggestions. */
export const attributeKeys: readonly string[] = [
  ...attributes.keys(),
  'request.headers[NAME]',
  'request.auth.claims[NAME]',
];

/** The check of a key's values, or what is wrong with the key. */
export function attributeCheck(key: string): { check: ValueCheck } | { problem: string } {
  const known = attributes.get(key);
  if (known) return { check: known };
  const prefix = prefixes.find((each) => key.startsWith(each));
  if (prefix === undefined) return { problem: `"${key}" is no attribute of a condition` };
  if (prefix.endsWith('.')) return { check: anything };
  const rest = key.slice(prefix.length);
  return /^(\[[^[\]]+\])+$/.test(rest)
    ? { check: anything }
    : { problem: `"${key}" lacks its name, expected ${prefix}[NAME]` };
}

/** Is an attribute read from the HTTP request, so that TCP connections don't have it? */
export function isHttpAttribute(key: string): boolean {
  return key.startsWith('request.');
}
