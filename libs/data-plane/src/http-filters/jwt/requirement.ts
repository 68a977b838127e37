import { invalidConfig, joinPath } from '@lateen/matching';
import type {
  envoy_extensions_filters_http_jwt_authn_v3_JwtRequirement as JwtRequirement,
  envoy_extensions_filters_http_jwt_authn_v3_JwtRequirementOrList as JwtRequirementOrList,
} from '@lateen/protos';
import type { FilterStream } from '../filter.ts';
import { compileLocations } from './locations.ts';
import { audienceSet, type JwtMetadata, type Provider } from './provider.ts';
import { type JwtStatus, jwtStatus } from './status.ts';
import { parseToken } from './token.ts';

/** A request that is checked and what its tokens leave behind. */
export interface Check {
  readonly stream: FilterStream;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly metadata: JwtMetadata;
  /** A verified token's claims may change the route. */
  clearsRoute: boolean;
}

/** A compiled requirement: `ok`, or why a request does not meet it. */
export type Requirement = (check: Check) => JwtStatus;

/** Deepest nesting of requirements that is taken, so that a config can't exhaust the stack. */
const maxDepth = 32;

interface Leniency {
  /** A request without a token passes. */
  readonly missing: boolean;
  /** So does one with a token that fails. */
  readonly failed: boolean;
}

const strict: Leniency = { missing: false, failed: false };

/** A requirement for tokens at the places of some providers. */
function tokensOf(
  providers: readonly Provider[],
  leniency: Leniency,
  options: { audiences?: ReadonlySet<string> | undefined } = {},
): Requirement {
  const locations = compileLocations(providers.map((provider) => [provider.config, provider.path]));
  const ownHeaders = providers.flatMap((provider) => provider.ownHeaders);
  const only = providers.length === 1 ? providers[0] : undefined;
  // With several the token's issuer says whose it is; a provider that names no issuer takes what is left.
  const providerOf = (issuer: string): Provider | undefined =>
    only ?? providers.find((one) => one.issuer === issuer) ?? providers.find((one) => one.issuer === '');
  return (check) => {
    const headers = check.stream.requestHeaders;
    for (const name of ownHeaders) headers.delete(name);
    const tokens = locations.find(headers);
    let status: JwtStatus = jwtStatus.missing;
    // Every token must hold: a good one beside a bad one must not carry the bad one through. The last is first.
    for (const carried of tokens.reverse()) {
      const token = parseToken(carried.text);
      const provider = typeof token === 'string' ? only : providerOf(token.issuer);
      if (typeof token === 'string') status = token;
      else if (!carried.allows(token.issuer) || !provider) status = jwtStatus.unknownIssuer;
      else status = provider.check(token, check.nowMs, options.audiences);
      if (status !== jwtStatus.ok) {
        provider?.noteFailure(status, check.metadata);
        if (!leniency.failed) return status;
      } else if (provider && typeof token !== 'string') {
        provider.publish(token, carried, check);
        check.clearsRoute ||= provider.clearsRoute;
      }
    }
    if (status === jwtStatus.missing) {
      only?.noteFailure(status, check.metadata);
      return leniency.missing ? jwtStatus.ok : status;
    }
    return leniency.failed ? jwtStatus.ok : status;
  };
}

/** How much a failure says of a request: that a token is bad tells more than that it is someone else's or absent. */
function telling(status: JwtStatus): number {
  return status === jwtStatus.missing ? 0 : status === jwtStatus.unknownIssuer ? 1 : 2;
}

/** Compiles requirements that refer to `providers` by name. */
export class RequirementCompiler {
  readonly #providers: ReadonlyMap<string, Provider>;

  constructor(providers: ReadonlyMap<string, Provider>) {
    this.#providers = providers;
  }

  /** @throws LateenError LTN_CONFIG_INVALID naming `path` */
  compile(requirement: JwtRequirement, path: string, depth = 0): Requirement {
    if (depth > maxDepth) throw invalidConfig(path, `requirements nest deeper than ${maxDepth}`);
    if (requirement.requiresAny) {
      return this.#any(requirement.requiresAny, joinPath(path, 'requires_any'), depth);
    }
    if (requirement.requiresAll) {
      const list = this.#listOf(requirement.requiresAll, joinPath(path, 'requires_all'));
      const all = list.map(([part, at]) => this.compile(part, at, depth + 1));
      return (check) => {
        for (const holds of all) {
          const status = holds(check);
          if (status !== jwtStatus.ok) return status;
        }
        return jwtStatus.ok;
      };
    }
    const everyone = [...this.#providers.values()];
    if (requirement.allowMissingOrFailed) return tokensOf(everyone, { missing: true, failed: true });
    if (requirement.allowMissing) return tokensOf(everyone, { missing: true, failed: false });
    const named = this.#named(requirement, path);
    if (!named) return () => jwtStatus.ok;
    return tokensOf([named.provider], strict, named);
  }

  /** The first that is met decides; when none is, the most telling reason does. */
  #any(or: JwtRequirementOrList, path: string, depth: number): Requirement {
    const list = this.#listOf(or, path);
    const regular = list.filter(([part]) => !part.allowMissing && !part.allowMissingOrFailed);
    const any = regular.map(([part, at]) => this.compile(part, at, depth + 1));
    if (regular.length < list.length) {
      const leniency = { missing: true, failed: list.some(([part]) => part.allowMissingOrFailed) };
      // The lenient alternative looks where the others look, and nowhere else.
      const beside = regular.flatMap(([part, at]) => this.#named(part, at)?.provider ?? []);
      any.push(tokensOf(beside.length > 0 ? beside : [...this.#providers.values()], leniency));
    }
    return (check) => {
      let reason: JwtStatus | undefined;
      for (const holds of any) {
        const status = holds(check);
        if (status === jwtStatus.ok) return status;
        if (reason === undefined || telling(status) >= telling(reason)) reason = status;
      }
      return reason ?? jwtStatus.ok;
    };
  }

  #listOf(list: JwtRequirementOrList, path: string): [JwtRequirement, string][] {
    const parts = list.requirements ?? [];
    if (parts.length < 2) throw invalidConfig(`${path}.requirements`, 'must hold two at least');
    return parts.map((part, index) => [part, `${path}.requirements[${index}]`]);
  }

  #named(
    requirement: JwtRequirement,
    path: string,
  ): { provider: Provider; audiences: ReadonlySet<string> | undefined } | undefined {
    const { providerName, providerAndAudiences } = requirement;
    const name = providerName ?? providerAndAudiences?.providerName;
    if (name === undefined) return undefined;
    const field = providerAndAudiences ? 'provider_and_audiences.provider_name' : 'provider_name';
    const provider = this.#providers.get(name);
    if (!provider) throw invalidConfig(joinPath(path, field), `the provider ${name} is not configured`);
    const audiences = providerAndAudiences?.audiences ?? [];
    return { provider, audiences: audiences.length > 0 ? audienceSet(audiences) : undefined };
  }
}
