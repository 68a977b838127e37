import {
  addressBytes,
  compileCidr,
  compileHeaderMatcher,
  compileMetadataMatcher,
  compilePathMatcher,
  compileStringMatcher,
  invalidConfig,
} from '@lateen/matching';
import type { envoy_config_rbac_v3_Permission } from '@lateen/protos';
import { compilePathTemplate } from './path-template.ts';
import type { Subject } from './subject.ts';

/** Does a rule hold for a subject? */
export type Rule = (subject: Subject) => boolean;

/** Deepest nesting of and, or, not: deeper ones are refused, so that a config can't exhaust the stack. */
export const maxDepth = 32;

/** All of several rules. */
export function allOf(rules: readonly Rule[]): Rule {
  return rules.length === 1 ? rules[0]! : (subject) => rules.every((holds) => holds(subject));
}

/** Any of several rules. */
export function anyOf(rules: readonly Rule[]): Rule {
  return rules.length === 1 ? rules[0]! : (subject) => rules.some((holds) => holds(subject));
}

/** Compiles `envoy.config.rbac.v3.Permission`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compilePermission(
  permission: envoy_config_rbac_v3_Permission,
  path: string,
  depth = 0,
): Rule {
  if (depth > maxDepth) throw invalidConfig(path, `rules nest deeper than ${maxDepth}`);
  const nested = (part: envoy_config_rbac_v3_Permission, at: string): Rule =>
    compilePermission(part, at, depth + 1);
  if (permission.any !== undefined) {
    if (!permission.any) throw invalidConfig(`${path}.any`, 'must be true');
    return () => true;
  }
  for (const kind of ['andRules', 'orRules'] as const) {
    const set = permission[kind];
    if (!set) continue;
    const field = kind === 'andRules' ? 'and_rules' : 'or_rules';
    const parts = set.rules ?? [];
    if (parts.length === 0) throw invalidConfig(`${path}.${field}.rules`, 'must not be empty');
    const rules = parts.map((part, index) => nested(part, `${path}.${field}.rules[${index}]`));
    return kind === 'andRules' ? allOf(rules) : anyOf(rules);
  }
  if (permission.notRule) {
    const holds = nested(permission.notRule, `${path}.not_rule`);
    return (subject) => !holds(subject);
  }
  if (permission.header) {
    const matches = compileHeaderMatcher(permission.header, `${path}.header`);
    return (subject) => matches(subject.headers);
  }
  if (permission.urlPath) {
    const matches = compilePathMatcher(permission.urlPath, `${path}.url_path`);
    return (subject) => matches(subject.path);
  }
  if (permission.uriTemplate) {
    const matches = compilePathTemplate(permission.uriTemplate, `${path}.uri_template`);
    return (subject) => matches(subject.path);
  }
  if (permission.destinationIp) {
    const cidr = compileCidr(permission.destinationIp, `${path}.destination_ip`);
    return (subject) => cidr.contains(addressBytes(subject.destination.address));
  }
  if (permission.destinationPort !== undefined) {
    const port = permission.destinationPort;
    return (subject) => subject.destination.port === port;
  }
  if (permission.destinationPortRange) {
    const { start = 0, end = 0 } = permission.destinationPortRange;
    return ({ destination }) => destination.port >= start && destination.port < end;
  }
  if (permission.requestedServerName) {
    const matches = compileStringMatcher(permission.requestedServerName, `${path}.requested_server_name`);
    return (subject) => matches(subject.serverName);
  }
  if (permission.metadata) {
    const matches = compileMetadataMatcher(permission.metadata, `${path}.metadata`);
    return (subject) => matches((filter) => subject.metadata(filter));
  }
  throw invalidConfig(path, permission.matcher ? 'matcher is not supported' : 'names no rule');
}
