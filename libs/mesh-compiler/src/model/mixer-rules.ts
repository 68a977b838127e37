import type { ConfigObject } from '@lateen/config-schema';
import type {
  istio_mixer_v1_config_client_IstioService as IstioService,
  istio_mixer_v1_config_client_QuotaSpec as QuotaSpec,
  istio_policy_v1beta1_Rule as Rule,
} from '@lateen/protos';
import type { Service } from './service.ts';
import { type ConfigSnapshot, objectsOf } from './spec.ts';

/** Kinds of call that the rules of a namespace ask of a proxy. */
export interface MixerDemand {
  /** A CHECK or QUOTA rule, or one that edits request headers, is in force. */
  readonly check: boolean;
  readonly report: boolean;
}

/** Mixer rules and quota specs, as far as proxies need them. */
export interface MixerRules {
  /** What rules ask for traffic to a namespace: its own rules and those of the root namespace. */
  demand(namespace: string, rootNamespace: string): MixerDemand;
  /** Is any rule in force anywhere? */
  readonly any: MixerDemand;
  /** Quota specs bound to a service. */
  quotaSpecs(service: Service, domainSuffix: string): readonly QuotaSpec[];
}

const checks: ReadonlySet<string> = new Set(
  (
    'checknothing listentry authorization apikey quota ' +
    'denier list listchecker opa rbac bypass memquota redisquota'
  ).split(' '),
);
const reports: ReadonlySet<string> = new Set(
  (
    'metric logentry tracespan edge reportnothing ' +
    'prometheus stdio statsd dogstatsd fluentd zipkin cloudwatch circonus solarwinds'
  ).split(' '),
);

/** `name.template.namespace` and its shorter forms: the parts, the first being the name. */
function parts(reference: string): string[] {
  return reference.split('.');
}

function indexKinds(objects: readonly ConfigObject<{ kind: string }>[]): ReadonlyMap<string, string> {
  return new Map(
    objects.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec.kind.toLowerCase()]),
  );
}

function kindsOf(
  rule: ConfigObject<Rule>,
  instances: ReadonlyMap<string, string>,
  handlers: ReadonlyMap<string, string>,
): string[] {
  const find = (reference: string, known: ReadonlyMap<string, string>): string[] => {
    const [name = '', ...rest] = parts(reference);
    const found =
      known.get(`${rest.at(-1) ?? ''}/${name}`) ?? known.get(`${rule.metadata.namespace}/${name}`);
    // A kind named inside the reference (`requestcount.metric`) tells as much as the object would.
    return found ? [found] : rest;
  };
  return (rule.spec.actions ?? []).flatMap((action) => {
    const templates = (action.instances ?? []).flatMap((reference) => find(reference, instances));
    const known = templates.filter((kind) => checks.has(kind) || reports.has(kind));
    return known.length > 0 ? known : find(action.handler ?? '', handlers);
  });
}

function binds(
  binding: IstioService,
  bindingNamespace: string,
  service: Service,
  domainSuffix: string,
): boolean {
  if (binding.service === '*') return true;
  if (binding.service) return binding.service === service.host;
  const namespace = binding.namespace || bindingNamespace;
  const host = `${binding.name ?? ''}.${namespace}.${binding.domain || `svc.${domainSuffix}`}`;
  return host === service.host;
}

/** Indexes rules by what they ask of proxies. */
export function indexMixerRules(snapshot: ConfigSnapshot): MixerRules {
  const instances = indexKinds(
    objectsOf(snapshot, 'istio/policy/v1beta1/instances').map((one) => ({
      ...one,
      spec: { kind: one.spec.compiledTemplate || parts(one.spec.template ?? '')[0] || '' },
    })),
  );
  const handlers = indexKinds(
    objectsOf(snapshot, 'istio/policy/v1beta1/handlers').map((one) => ({
      ...one,
      spec: { kind: one.spec.compiledAdapter || parts(one.spec.adapter ?? '')[0] || '' },
    })),
  );
  const byNamespace = new Map<string, MixerDemand>();
  for (const rule of objectsOf(snapshot, 'istio/policy/v1beta1/rules')) {
    const { namespace } = rule.metadata;
    const kinds = kindsOf(rule, instances, handlers);
    const edits =
      (rule.spec.requestHeaderOperations ?? []).length + (rule.spec.responseHeaderOperations ?? []).length >
      0;
    const known = byNamespace.get(namespace);
    byNamespace.set(namespace, {
      check: (known?.check ?? false) || edits || kinds.some((kind) => checks.has(kind)),
      report: (known?.report ?? false) || kinds.some((kind) => reports.has(kind)),
    });
  }
  const specs = new Map(
    objectsOf(snapshot, 'istio/mixer/v1/config/client/quotaspecs').map(({ metadata, spec }) => [
      `${metadata.namespace}/${metadata.name}`,
      spec,
    ]),
  );
  const bindings = objectsOf(snapshot, 'istio/mixer/v1/config/client/quotaspecbindings');
  const demands = [...byNamespace.values()];
  return {
    any: { check: demands.some(({ check }) => check), report: demands.some(({ report }) => report) },
    demand(namespace, rootNamespace) {
      const own = byNamespace.get(namespace);
      const root = byNamespace.get(rootNamespace);
      return { check: Boolean(own?.check || root?.check), report: Boolean(own?.report || root?.report) };
    },
    quotaSpecs(service, domainSuffix) {
      return bindings
        .filter(({ metadata, spec }) =>
          (spec.services ?? []).some((one) => binds(one, metadata.namespace, service, domainSuffix)),
        )
        .flatMap(({ metadata, spec }) =>
          (spec.quotaSpecs ?? []).map(({ name, namespace }) =>
            specs.get(`${namespace || metadata.namespace}/${name ?? ''}`),
          ),
        )
        .filter((spec) => spec !== undefined);
    },
  };
}
