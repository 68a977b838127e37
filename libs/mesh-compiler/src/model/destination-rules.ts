import type { ConfigObject } from '@lateen/config-schema';
import type {
  istio_networking_v1alpha3_DestinationRule as DestinationRule,
  istio_networking_v1alpha3_Subset as Subset,
  istio_networking_v1alpha3_TrafficPolicy as TrafficPolicy,
} from '@lateen/protos';
import { compareHosts, fullHost, hostCovers } from './host.ts';
import type { Proxy } from './proxy.ts';
import { type Service, selects, visibleIn } from './service.ts';
import { objectKey } from './spec.ts';

/** What holds for calls to a service: one DestinationRule, or several of one host and namespace merged. */
export interface DestinationPolicy {
  /** Full host, possibly a wildcard. */
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly exportTo: ReadonlySet<string>;
  readonly workloadSelector: { readonly [key: string]: string } | undefined;
}

/** DestinationRules by the client and the service. */
export interface DestinationRules {
  find(proxy: Proxy, service: Service): DestinationPolicy | undefined;
}

function consolidate(
  rules: readonly ConfigObject<DestinationRule>[],
  options: IndexOptions,
): Map<string, DestinationPolicy[]> {
  const byNamespace = new Map<string, DestinationPolicy[]>();
  for (const rule of rules) {
    const { namespace, name } = rule.metadata;
    const { spec } = rule;
    const selector = spec.workloadSelector?.matchLabels;
    const exportTo = spec.exportTo && spec.exportTo.length > 0 ? spec.exportTo : options.defaultExportTo;
    const policy: DestinationPolicy = {
      host: fullHost(spec.host ?? '', namespace, options.domainSuffix),
      namespace,
      name,
      key: objectKey('istio/networking/v1alpha3/destinationrules', rule),
      trafficPolicy: spec.trafficPolicy,
      subsets: spec.subsets ?? [],
      exportTo: new Set(exportTo.length > 0 ? exportTo : ['*']),
      workloadSelector: selector && Object.keys(selector).length > 0 ? selector : undefined,
    };
    const policies = byNamespace.get(namespace) ?? [];
    const sameExport = (other: DestinationPolicy): boolean =>
      [...other.exportTo].sort().join() === [...policy.exportTo].sort().join();
    const index = policies.findIndex(
      (other) =>
        other.host === policy.host &&
        !other.workloadSelector &&
        !policy.workloadSelector &&
        sameExport(other),
    );
    const first = policies[index];
    if (first) {
      // Subsets add up, the first traffic policy stays (istio/pilot/pkg/model/destination_rule.go).
      const added = policy.subsets.filter(
        (subset) => !first.subsets.some((known) => known.name === subset.name),
      );
      policies[index] = {
        ...first,
        trafficPolicy: first.trafficPolicy ?? policy.trafficPolicy,
        subsets: [...first.subsets, ...added],
      };
    } else policies.push(policy);
    byNamespace.set(namespace, policies);
  }
  for (const policies of byNamespace.values()) policies.sort((a, b) => compareHosts(a.host, b.host));
  return byNamespace;
}

/** What the index needs beside the rules. */
export interface IndexOptions {
  readonly domainSuffix: string;
  readonly rootNamespace: string;
  readonly defaultExportTo: readonly string[];
}

/**
 * Indexes DestinationRules, the oldest first. For a client the rule comes from its own namespace, else the service's,
 * else the root namespace; in each the most specific host wins, and a workloadSelector that takes the client first.
 */
export function indexDestinationRules(
  rules: readonly ConfigObject<DestinationRule>[],
  options: IndexOptions,
): DestinationRules {
  const byNamespace = consolidate(rules, options);
  const exact = new Map<string, Map<string, DestinationPolicy[]>>();
  const wild = new Map<string, DestinationPolicy[]>();
  for (const [namespace, policies] of byNamespace) {
    wild.set(
      namespace,
      policies.filter(({ host }) => host.startsWith('*')),
    );
    const byHost = new Map<string, DestinationPolicy[]>();
    for (const policy of policies) {
      if (!policy.host.startsWith('*')) byHost.set(policy.host, [...(byHost.get(policy.host) ?? []), policy]);
    }
    exact.set(namespace, byHost);
  }
  const pick = (namespace: string, proxy: Proxy, service: Service): DestinationPolicy | undefined => {
    const named = exact.get(namespace)?.get(service.host) ?? [];
    const covering = (wild.get(namespace) ?? []).filter(({ host }) => hostCovers(host, service.host));
    const candidates = [...named, ...covering].filter((policy) =>
      visibleIn(policy.exportTo, policy.namespace, proxy.namespace),
    );
    if (namespace === proxy.namespace) {
      const selected = candidates.find(
        (policy) => policy.workloadSelector && selects(policy.workloadSelector, proxy.labels),
      );
      if (selected) return selected;
    }
    return candidates.find((policy) => !policy.workloadSelector);
  };
  return {
    find(proxy, service) {
      for (const namespace of new Set([proxy.namespace, service.namespace, options.rootNamespace])) {
        const policy = pick(namespace, proxy, service);
        if (policy) return policy;
      }
      return undefined;
    },
  };
}
