import {
  type envoy_config_rbac_v3_Permission as Permission,
  type envoy_config_rbac_v3_Principal as Principal,
  type envoy_type_matcher_v3_MetadataMatcher as MetadataMatcher,
  packAny,
} from '@lateen/protos';
import { cidrRange } from '../listener/filter-chain.ts';
import { claimMatcher, claimPath, textClaimMatcher } from './claim-matcher.ts';
import { literal, valueMatcher } from './string-value.ts';

/** What values of an attribute are compared in. */
export interface AttributeScope {
  /** Namespace of the policy. */
  readonly namespace: string;
  /** The mesh's trust domain and its aliases. */
  readonly trustDomains: readonly string[];
}

/** How one attribute becomes RBAC. `http`: only HTTP requests have it. */
export type Attribute =
  | {
      readonly kind: 'permission';
      readonly http: boolean;
      /** One permission per value, or one for all. */
      readonly of: (values: readonly string[], scope: AttributeScope) => Permission[];
      readonly joined?: boolean;
    }
  | {
      readonly kind: 'principal';
      readonly http: boolean;
      readonly of: (values: readonly string[], scope: AttributeScope) => Principal[];
      /** The one principal stands for all values. */
      readonly joined?: boolean;
    };

const spiffe = 'spiffe://';

function principalName(value: string): Principal {
  if (value === '*') return { authenticated: { principalName: { safeRegex: { regex: '.+' } } } };
  if (value.startsWith('*')) {
    return {
      authenticated: { principalName: { safeRegex: { regex: `${spiffe}.*${literal(value.slice(1))}` } } },
    };
  }
  return { authenticated: { principalName: valueMatcher(`${spiffe}${value}`) } };
}

/** A principal of the mesh under every name that the mesh goes by. */
function underAliases(value: string, { trustDomains }: AttributeScope): string[] {
  const slash = value.indexOf('/');
  const domain = slash < 0 ? '' : value.slice(0, slash);
  const own = domain === 'cluster.local' || trustDomains.includes(domain);
  if (!own) return [value];
  return trustDomains.map((name) => `${name}${value.slice(slash)}`);
}

function namespaceRegex(value: string): Principal {
  const regex = `.*/ns/${value.split('*').map(literal).join('.*')}/.*`;
  return { authenticated: { principalName: { safeRegex: { regex } } } };
}

function serviceAccount(value: string, scope: AttributeScope): Principal {
  const slash = value.indexOf('/');
  const namespace = slash < 0 ? scope.namespace : value.slice(0, slash);
  const name = slash < 0 ? value : value.slice(slash + 1);
  const regex = `${spiffe}.+/ns/${literal(namespace)}/(.+/|)sa/${literal(name)}(/.+)?`;
  return { authenticated: { principalName: { safeRegex: { regex } } } };
}

function requestPrincipal(value: string): Principal {
  const slash = value.lastIndexOf('/');
  const issuer = value === '*' ? '*' : slash < 0 ? value : value.slice(0, slash);
  const subject = value === '*' || slash < 0 ? '*' : value.slice(slash + 1);
  return {
    andIds: {
      ids: [{ metadata: textClaimMatcher('iss', issuer) }, { metadata: textClaimMatcher('sub', subject) }],
    },
  };
}

function path(value: string): Permission {
  if (!value.includes('{')) return { urlPath: { path: valueMatcher(value) } };
  const pathTemplate = value.replaceAll('{**}', '**').replaceAll('{*}', '*');
  return {
    uriTemplate: {
      name: 'uri-template',
      typedConfig: packAny('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', {
        pathTemplate,
      }),
    },
  };
}

function portNumber(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 65535)
    throw new RangeError(`port ${value} is no port number`);
  return number;
}

function claim(parts: readonly string[]): Attribute {
  return {
    kind: 'principal',
    http: true,
    joined: true,
    of: (values) => [
      {
        metadata: claimMatcher(
          parts,
          values.map((value) => valueMatcher(value)),
        ),
      },
    ],
  };
}

const principals: Attribute = {
  kind: 'principal',
  http: false,
  of: (values, scope) => values.flatMap((value) => underAliases(value, scope)).map(principalName),
};
const requestPrincipals: Attribute = {
  kind: 'principal',
  http: true,
  joined: true,
  of: (values) => {
    const [only, ...more] = values.map(requestPrincipal);
    return only && more.length === 0 ? [only] : [{ orIds: { ids: values.map(requestPrincipal) } }];
  },
};
const namespaces: Attribute = { kind: 'principal', http: false, of: (values) => values.map(namespaceRegex) };
const serviceAccounts: Attribute = {
  kind: 'principal',
  http: false,
  of: (values, scope) => values.map((value) => serviceAccount(value, scope)),
};
const sourceIps: Attribute = {
  kind: 'principal',
  http: false,
  of: (values) => values.map((value) => ({ directRemoteIp: cidrRange(value) })),
};
const remoteIps: Attribute = {
  kind: 'principal',
  http: false,
  of: (values) => values.map((value) => ({ remoteIp: cidrRange(value) })),
};
const trustDomains: Attribute = {
  kind: 'principal',
  http: false,
  of: (values) =>
    values.map((value) => {
      const regex = `${spiffe}${value.split('*').map(literal).join('.*')}/.*`;
      return { authenticated: { principalName: { safeRegex: { regex } } } };
    }),
};
const hosts: Attribute = {
  kind: 'permission',
  http: true,
  of: (values) =>
    values.map((value) => ({
      header: { name: ':authority', stringMatch: valueMatcher(value, { ignoreCase: true }) },
    })),
};
const methods: Attribute = {
  kind: 'permission',
  http: true,
  of: (values) => values.map((value) => ({ header: { name: ':method', stringMatch: valueMatcher(value) } })),
};
const paths: Attribute = { kind: 'permission', http: true, of: (values) => values.map(path) };
const ports: Attribute = {
  kind: 'permission',
  http: false,
  of: (values) => values.map((value) => ({ destinationPort: portNumber(value) })),
};
const destinationIps: Attribute = {
  kind: 'permission',
  http: false,
  of: (values) => values.map((value) => ({ destinationIp: cidrRange(value) })),
};
const serverNames: Attribute = {
  kind: 'permission',
  http: false,
  of: (values) => values.map((value) => ({ requestedServerName: valueMatcher(value) })),
};

function header(name: string): Attribute {
  return {
    kind: 'principal',
    http: true,
    of: (values) => values.map((value) => ({ header: { name, stringMatch: valueMatcher(value) } })),
  };
}

function filterMetadata(filter: string, key: string): Attribute {
  const matcher = (value: string): MetadataMatcher => {
    const listed = /^\[(.*)\]$/.exec(value)?.[1];
    const stringMatch = valueMatcher(listed ?? value);
    const match = listed === undefined ? { stringMatch } : { listMatch: { oneOf: { stringMatch } } };
    return { filter, path: [{ key }], value: match };
  };
  return {
    kind: 'permission',
    http: false,
    joined: true,
    of: (values) => {
      const all = values.map((value): Permission => ({ metadata: matcher(value) }));
      const [only] = all;
      return all.length === 1 && only ? [only] : [{ orRules: { rules: all } }];
    },
  };
}

/** Attributes of a policy's `from`, in the order in which istiod writes them. */
export const sourceAttributes = {
  principals,
  requestPrincipals,
  serviceAccounts,
  namespaces,
  trustDomains,
  remoteIpBlocks: remoteIps,
  ipBlocks: sourceIps,
} as const;
/** Attributes of a policy's `to`, likewise. */
export const operationAttributes = { hosts, methods, paths, ports } as const;

/** Attribute of a `when` key. @throws RangeError when there is none of that name. */
export function conditionAttribute(key: string): Attribute {
  const named: ReadonlyMap<string, Attribute> = new Map<string, Attribute>([
    ['source.ip', sourceIps],
    ['remote.ip', remoteIps],
    ['source.namespace', namespaces],
    ['source.principal', principals],
    ['source.serviceAccount', serviceAccounts],
    ['source.trustDomain', trustDomains],
    ['request.auth.principal', requestPrincipals],
    ['request.auth.audiences', claim(['aud'])],
    ['request.auth.presenter', claim(['azp'])],
    ['destination.ip', destinationIps],
    ['destination.port', ports],
    ['connection.sni', serverNames],
  ]);
  const known = named.get(key);
  if (known) return known;
  const headerName = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
  if (headerName) return header(headerName);
  const claims = /^request\.auth\.claims((?:\[[^\]]+\])+)$/.exec(key)?.[1];
  if (claims) return claim(claimPath(claims));
  const [, filter, metadataKey] = /^experimental\.(envoy\.[^[]+)\[(.+)\]$/.exec(key) ?? [];
  if (filter && metadataKey) return filterMetadata(filter, metadataKey);
  throw new RangeError(`condition key ${key} is unknown`);
}
