import type {
  envoy_config_rbac_v3_Permission as Permission,
  envoy_config_rbac_v3_Policy as Policy,
  envoy_config_rbac_v3_Principal as Principal,
  istio_security_v1beta1_Operation as Operation,
  istio_security_v1beta1_Rule as Rule,
  istio_security_v1beta1_Source as Source,
} from '@lateen/protos';
import {
  type Attribute,
  type AttributeScope,
  conditionAttribute,
  operationAttributes,
  sourceAttributes,
} from './policy-attribute.ts';

/** Where a rule is enforced. On TCP there is no request to look at. */
export interface RuleScope extends AttributeScope {
  readonly tcp: boolean;
  /** The rule holds wholly or is left out, as one that allows must be; others hold as far as they can. */
  readonly wholly: boolean;
}

/** One comparison: an attribute with the values it may and may not have. */
interface Comparison {
  readonly attribute: Attribute;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** A rule that TCP can't enforce in full and that must not hold in part. */
class NotEnforceable extends Error {}

/** Policy that nothing matches: what an ALLOW policy without rules says. */
export const matchNothing: Policy = {
  permissions: [{ notRule: { any: true } }],
  principals: [{ notId: { any: true } }],
};

function permissions({ attribute, values, notValues }: Comparison, scope: RuleScope): Permission[] {
  if (attribute.kind !== 'permission') return [];
  const wrap = (of: Permission[]): Permission =>
    attribute.joined ? (of[0] ?? { any: true }) : { orRules: { rules: of } };
  return [
    ...(values.length > 0 ? [wrap(attribute.of(values, scope))] : []),
    ...(notValues.length > 0 ? [{ notRule: wrap(attribute.of(notValues, scope)) }] : []),
  ];
}

function principals({ attribute, values, notValues }: Comparison, scope: RuleScope): Principal[] {
  if (attribute.kind !== 'principal') return [];
  const wrap = (of: Principal[]): Principal =>
    attribute.joined ? (of[0] ?? { any: true }) : { orIds: { ids: of } };
  return [
    ...(values.length > 0 ? [wrap(attribute.of(values, scope))] : []),
    ...(notValues.length > 0 ? [{ notId: wrap(attribute.of(notValues, scope)) }] : []),
  ];
}

function enforceable(comparisons: readonly Comparison[], scope: RuleScope): Comparison[] {
  const said = comparisons.filter(({ values, notValues }) => values.length + notValues.length > 0);
  if (!scope.tcp) return said;
  if (scope.wholly && said.some(({ attribute }) => attribute.http)) throw new NotEnforceable();
  return said.filter(({ attribute }) => !attribute.http);
}

function sourceComparisons(source: Source): Comparison[] {
  const all = sourceAttributes;
  return [
    { attribute: all.principals, values: source.principals ?? [], notValues: source.notPrincipals ?? [] },
    {
      attribute: all.requestPrincipals,
      values: source.requestPrincipals ?? [],
      notValues: source.notRequestPrincipals ?? [],
    },
    {
      attribute: all.serviceAccounts,
      values: source.serviceAccounts ?? [],
      notValues: source.notServiceAccounts ?? [],
    },
    { attribute: all.namespaces, values: source.namespaces ?? [], notValues: source.notNamespaces ?? [] },
    {
      attribute: all.trustDomains,
      values: source.trustDomains ?? [],
      notValues: source.notTrustDomains ?? [],
    },
    {
      attribute: all.remoteIpBlocks,
      values: source.remoteIpBlocks ?? [],
      notValues: source.notRemoteIpBlocks ?? [],
    },
    { attribute: all.ipBlocks, values: source.ipBlocks ?? [], notValues: source.notIpBlocks ?? [] },
  ];
}

function operationComparisons(operation: Operation): Comparison[] {
  const all = operationAttributes;
  return [
    { attribute: all.hosts, values: operation.hosts ?? [], notValues: operation.notHosts ?? [] },
    { attribute: all.methods, values: operation.methods ?? [], notValues: operation.notMethods ?? [] },
    { attribute: all.paths, values: operation.paths ?? [], notValues: operation.notPaths ?? [] },
    { attribute: all.ports, values: operation.ports ?? [], notValues: operation.notPorts ?? [] },
  ];
}

/** A list in which one entry without conditions still says something: anything. */
function orAny<T>(items: T[], any: T): T[] {
  return items.length > 0 ? items : [any];
}

/**
 * RBAC policy of one rule: any operation of `to` by any source of `from`, each joined with all of `when`.
 * `undefined`: the rule can't be enforced here and is left out.
 */
export function rbacPolicy(rule: Rule, scope: RuleScope): Policy | undefined {
  try {
    const conditions = (rule.when ?? []).map(({ key, values, notValues }) => ({
      attribute: conditionAttribute(key ?? ''),
      values: values ?? [],
      notValues: notValues ?? [],
    }));
    const sources = orAny(
      (rule.from ?? []).map(({ source }) => source ?? {}),
      {},
    );
    const operations = orAny(
      (rule.to ?? []).map(({ operation }) => operation ?? {}),
      {},
    );
    return {
      permissions: operations.map((operation) => {
        const all = enforceable([...operationComparisons(operation), ...conditions], scope);
        return {
          andRules: {
            rules: orAny(
              all.flatMap((one) => permissions(one, scope)),
              { any: true },
            ),
          },
        };
      }),
      principals: sources.map((source) => {
        const all = enforceable([...sourceComparisons(source), ...conditions], scope);
        return {
          andIds: {
            ids: orAny(
              all.flatMap((one) => principals(one, scope)),
              { any: true },
            ),
          },
        };
      }),
    };
  } catch (error) {
    if (error instanceof NotEnforceable) return undefined;
    throw error;
  }
}
