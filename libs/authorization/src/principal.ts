import {
  addressBytes,
  compileCidr,
  compileHeaderMatcher,
  compileMetadataMatcher,
  compilePathMatcher,
  compileStringMatcher,
  invalidConfig,
} from '@lateen/matching';
import type { envoy_config_core_v3_CidrRange, envoy_config_rbac_v3_Principal } from '@lateen/protos';
import { allOf, anyOf, maxDepth, type Rule } from './permission.ts';
import type { PeerNames, Subject } from './subject.ts';

/** A peer's names in the order that Envoy asks them: URI SANs, DNS SANs, subject. */
function names(peer: PeerNames): readonly string[] {
  return [...peer.uris, ...peer.dnsNames, peer.subject];
}

function compileAddress(
  range: envoy_config_core_v3_CidrRange,
  path: string,
  addressOf: (subject: Subject) => string,
): Rule {
  const cidr = compileCidr(range, path);
  return (subject) => cidr.contains(addressBytes(addressOf(subject)));
}

/** Compiles `envoy.config.rbac.v3.Principal`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compilePrincipal(principal: envoy_config_rbac_v3_Principal, path: string, depth = 0): Rule {
  if (depth > maxDepth) throw invalidConfig(path, `rules nest deeper than ${maxDepth}`);
  const nested = (part: envoy_config_rbac_v3_Principal, at: string): Rule =>
    compilePrincipal(part, at, depth + 1);
  if (principal.any !== undefined) {
    if (!principal.any) throw invalidConfig(`${path}.any`, 'must be true');
    return () => true;
  }
  for (const kind of ['andIds', 'orIds'] as const) {
    const set = principal[kind];
    if (!set) continue;
    const field = kind === 'andIds' ? 'and_ids' : 'or_ids';
    const parts = set.ids ?? [];
    if (parts.length === 0) throw invalidConfig(`${path}.${field}.ids`, 'must not be empty');
    const rules = parts.map((part, index) => nested(part, `${path}.${field}.ids[${index}]`));
    return kind === 'andIds' ? allOf(rules) : anyOf(rules);
  }
  if (principal.notId) {
    const holds = nested(principal.notId, `${path}.not_id`);
    return (subject) => !holds(subject);
  }
  if (principal.authenticated) {
    const { principalName } = principal.authenticated;
    if (!principalName) return (subject) => subject.peer !== undefined;
    const matches = compileStringMatcher(principalName, `${path}.authenticated.principal_name`);
    return ({ peer }) => peer !== undefined && names(peer).some(matches);
  }
  if (principal.sourceIp) {
    return compileAddress(principal.sourceIp, `${path}.source_ip`, (subject) => subject.directRemoteAddress);
  }
  if (principal.directRemoteIp) {
    const { directRemoteIp } = principal;
    return compileAddress(
      directRemoteIp,
      `${path}.direct_remote_ip`,
      (subject) => subject.directRemoteAddress,
    );
  }
  if (principal.remoteIp) {
    return compileAddress(principal.remoteIp, `${path}.remote_ip`, (subject) => subject.remoteAddress);
  }
  if (principal.header) {
    const matches = compileHeaderMatcher(principal.header, `${path}.header`);
    return (subject) => matches(subject.headers);
  }
  if (principal.urlPath) {
    const matches = compilePathMatcher(principal.urlPath, `${path}.url_path`);
    return (subject) => matches(subject.path);
  }
  if (principal.metadata) {
    const matches = compileMetadataMatcher(principal.metadata, `${path}.metadata`);
    return (subject) => matches((filter) => subject.metadata(filter));
  }
  throw invalidConfig(path, principal.filterState ? 'filter_state is not supported' : 'names no principal');
}
