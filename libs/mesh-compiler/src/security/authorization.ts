import type { ConfigObject } from '@lateen/config-schema';
import {
  enumOf,
  type envoy_config_rbac_v3_Policy as Policy,
  type envoy_config_rbac_v3_RBAC as Rbac,
  type istio_security_v1beta1_AuthorizationPolicy as AuthorizationPolicy,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { CompileProblem } from '../model/problem.ts';
import { messageOf } from '@lateen/runtime';
import type { Proxy } from '../model/proxy.ts';
import { selects } from '../model/service.ts';
import { objectKey } from '../model/spec.ts';
import { type Authorizer, authorizerOf } from './external-authorization.ts';
import { matchNothing, rbacPolicy } from './rbac-policy.ts';

const actions = enumOf('istio.security.v1beta1.AuthorizationPolicy.Action');
const rbacActions = enumOf('envoy.config.rbac.v3.RBAC.Action');

/** The rules of one RBAC filter. */
export interface RbacRules {
  readonly rules: Rbac | undefined;
  /** Dry-run policies: logged, not enforced. */
  readonly shadowRules: Rbac | undefined;
  readonly shadowPrefix: string;
}

/** Actions in the order in which they are asked: audit, deny, allow. */
const order = [
  { action: actions.AUDIT, rbac: rbacActions.LOG },
  { action: actions.DENY, rbac: rbacActions.DENY },
  { action: actions.ALLOW, rbac: rbacActions.ALLOW },
] as const;

/** Does a policy with such a selector and namespace hold for the workload? Policies of the root namespace hold everywhere. */
export function appliesTo(
  model: MeshModel,
  proxy: Proxy,
  policy: ConfigObject<{
    selector?: { matchLabels?: { [key: string]: string } | undefined } | undefined;
    targetRefs?: readonly unknown[] | undefined;
    targetRef?: unknown;
  }>,
): boolean {
  const { namespace } = policy.metadata;
  if (namespace !== proxy.namespace && namespace !== model.rootNamespace) return false;
  // Targets are Gateways and Services of the Gateway API, of which none is here.
  if (policy.spec.targetRef || (policy.spec.targetRefs ?? []).length > 0) return false;
  return selects(policy.spec.selector?.matchLabels ?? {}, proxy.labels);
}

function policiesOf(
  model: MeshModel,
  policy: ConfigObject<AuthorizationPolicy>,
  query: { tcp: boolean; action: number; problems: CompileProblem[] },
): [string, Policy][] {
  const { name, namespace } = policy.metadata;
  const allow = query.action === actions.ALLOW;
  const key = (index: number): string => `ns[${namespace}]-policy[${name}]-rule[${index}]`;
  const rules = policy.spec.rules ?? [];
  if (rules.length === 0) return allow ? [[key(0), matchNothing]] : [];
  const trustDomains = [model.trustDomain, ...(model.mesh.trustDomainAliases ?? [])];
  return rules.flatMap((rule, index): [string, Policy][] => {
    try {
      // An external authorizer, too, sees requests only: its rules about requests say nothing of TCP.
      const wholly = allow || policy.spec.action === actions.CUSTOM;
      const built = rbacPolicy(rule, { namespace, trustDomains, tcp: query.tcp, wholly });
      return built ? [[key(index), built]] : [];
    } catch (error) {
      const object = objectKey('istio/security/v1beta1/authorizationpolicies', policy);
      query.problems.push({ object, message: `rule ${index}: ${messageOf(error)}` });
      // A broken ALLOW rule allows nothing; a broken DENY rule would open what it was to close, so it denies all.
      return [
        [key(index), allow ? matchNothing : { permissions: [{ any: true }], principals: [{ any: true }] }],
      ];
    }
  });
}

/** Policies that an external authorizer is asked about, with who it is. */
export function customPolicies(
  model: MeshModel,
  proxy: Proxy,
  query: { tcp: boolean; problems: CompileProblem[] },
): (readonly [Authorizer, string, Policy])[] {
  return model.authorizationPolicies
    .filter((policy) => policy.spec.action === actions.CUSTOM && appliesTo(model, proxy, policy))
    .flatMap((policy) => {
      const authorizer = authorizerOf(model, proxy, policy.spec.provider?.name ?? '');
      if (!authorizer) return [];
      const built = policiesOf(model, policy, { ...query, action: actions.CUSTOM });
      return built.map(([key, rule]) => [authorizer, key, rule] as const);
    });
}

/**
 * Rules of the workload's RBAC filters, in their order. A CUSTOM policy whose authorizer can't be asked denies what it
 * takes.
 */
export function authorizationRules(
  model: MeshModel,
  proxy: Proxy,
  query: { tcp: boolean; problems: CompileProblem[] },
): RbacRules[] {
  const all = model.authorizationPolicies.filter((policy) => appliesTo(model, proxy, policy));
  return order.flatMap(({ action, rbac }): RbacRules[] => {
    const enforced: [string, Policy][] = [];
    const dry: [string, Policy][] = [];
    let any = false;
    for (const policy of all) {
      const own = policy.spec.action ?? actions.ALLOW;
      const asked = authorizerOf(model, proxy, policy.spec.provider?.name ?? '');
      const custom = own === actions.CUSTOM && action === actions.DENY && !asked;
      if (own !== action && !custom) continue;
      any = true;
      if (custom) {
        const object = objectKey('istio/security/v1beta1/authorizationpolicies', policy);
        const message = `authorizer ${policy.spec.provider?.name ?? ''} can't be asked: what the policy takes is denied`;
        query.problems.push({ object, message });
      }
      const built = policiesOf(model, policy, { ...query, action });
      if (policy.metadata.annotations['istio.io/dry-run'] === 'true') dry.push(...built);
      else enforced.push(...built);
    }
    // An ALLOW policy of which nothing is left still closes the port to everyone else.
    if (!any || (enforced.length + dry.length === 0 && action !== actions.ALLOW)) return [];
    const rules = (policies: [string, Policy][]): Rbac => ({
      action: rbac,
      policies: Object.fromEntries(policies),
    });
    const onlyDry = enforced.length === 0 && dry.length > 0;
    return [
      {
        rules: onlyDry ? undefined : rules(enforced),
        shadowRules: dry.length > 0 ? rules(dry) : undefined,
        shadowPrefix:
          action === actions.DENY && dry.length > 0 ? 'istio_dry_run_deny_' : 'istio_dry_run_allow_',
      },
    ];
  });
}
