import { invalidConfig, joinPath, refuseFields } from '@lateen/matching';
import { type envoy_config_rbac_v3_RBAC, enumOf } from '@lateen/protos';
import { anyOf, compilePermission, type Rule } from './permission.ts';
import { compilePrincipal } from './principal.ts';
import type { Subject } from './subject.ts';

/** Outcome of a rule set. `policy` names the policy that matched; `undefined` when none did. */
export interface Verdict {
  readonly allowed: boolean;
  readonly policy: string | undefined;
}

/** A compiled rule set. */
export interface Authorization {
  decide(subject: Subject): Verdict;
}

/**
 * Compiles `envoy.config.rbac.v3.RBAC`. ALLOW: allowed when a policy matches; DENY: refused when one does; LOG: always
 * allowed. Policies are asked in the order of their names, as Envoy does, and the first that matches is named.
 * @throws LateenError LTN_CONFIG_INVALID naming the field below `path`
 */
export function compileRbac(rbac: envoy_config_rbac_v3_RBAC, path: string): Authorization {
  const actions = enumOf('envoy.config.rbac.v3.RBAC.Action');
  const action = rbac.action ?? actions.ALLOW;
  if (action !== actions.ALLOW && action !== actions.DENY && action !== actions.LOG) {
    throw invalidConfig(joinPath(path, 'action'), `${action} is unknown`);
  }
  const policies = Object.entries(rbac.policies ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, policy]) => {
      const at = joinPath(path, `policies["${name}"]`);
      refuseFields(policy, at, ['condition', 'checkedCondition']);
      const permissions = (policy.permissions ?? []).map((permission, index) =>
        compilePermission(permission, `${at}.permissions[${index}]`),
      );
      const principals = (policy.principals ?? []).map((principal, index) =>
        compilePrincipal(principal, `${at}.principals[${index}]`),
      );
      if (permissions.length === 0) throw invalidConfig(`${at}.permissions`, 'must not be empty');
      if (principals.length === 0) throw invalidConfig(`${at}.principals`, 'must not be empty');
      const permitted: Rule = anyOf(permissions);
      const identified: Rule = anyOf(principals);
      const matched: Verdict = { allowed: action !== actions.DENY, policy: name };
      return { holds: (subject: Subject) => permitted(subject) && identified(subject), matched };
    });
  const unmatched: Verdict = { allowed: action !== actions.ALLOW, policy: undefined };
  return {
    decide(subject) {
      for (const { holds, matched } of policies) if (holds(subject)) return matched;
      return unmatched;
    },
  };
}

/** The rule fields that the network and the HTTP filter share. */
export interface RbacFilterFields {
  readonly rules?: envoy_config_rbac_v3_RBAC | undefined;
  readonly shadowRules?: envoy_config_rbac_v3_RBAC | undefined;
}

/** Rules of an RBAC filter. Absent `enforced` lets everything pass; `shadow` is evaluated and reported, never obeyed. */
export interface RbacFilterRules {
  readonly enforced: Authorization | undefined;
  readonly shadow: Authorization | undefined;
}

/** Compiles both rule sets of an RBAC filter. @throws LateenError LTN_CONFIG_INVALID naming the field below `path` */
export function compileRbacFilter(fields: RbacFilterFields, path: string): RbacFilterRules {
  return {
    enforced: fields.rules && compileRbac(fields.rules, joinPath(path, 'rules')),
    shadow: fields.shadowRules && compileRbac(fields.shadowRules, joinPath(path, 'shadow_rules')),
  };
}
