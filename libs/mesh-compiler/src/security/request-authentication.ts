import type {
  envoy_extensions_filters_http_jwt_authn_v3_JwtAuthentication as JwtAuthentication,
  envoy_extensions_filters_http_jwt_authn_v3_JwtProvider as JwtProvider,
  envoy_extensions_filters_http_jwt_authn_v3_JwtRequirement as JwtRequirement,
  istio_security_v1beta1_JWTRule as JwtRule,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import { appliesTo } from './authorization.ts';
import { jwtPayloadKey } from './claim-matcher.ts';

/** A public key whose private half was thrown away: where an issuer's keys are not known, no token of it is valid. */
const nobodysKey = JSON.stringify({
  keys: [
    {
      kty: 'RSA',
      e: 'AQAB',
      n: 'nFZmT6euRQ6q3_jFeBLzwEblHrAs0KI6FLgSnZ-9Ao2EfyOv7BwLcw5VPloG9HcE_Ex_bg6ylBS_ftPdp61Fm0otm9aiMJwaZpqY23KIQGJvXq_Z_cRKQOunptUgdOb8O-th-zx2k-fANWm6Fu4mf0LvH_lg6dKTOntk8U_48922GvGFdLkW-cYfxkW82gMms-gPVzbS7PMQ-b93J_Ropz24aM0Zo7646eSQen15fJT2SlKkabawCW8gTHPOAN511DoFhKz9M5yoi2amtWFid50D1rCiE-FDbdmidKOmf_0A0Te9TWWzznh3TLMH9VRPf2sicjjQsxj345_lB52Xsw',
    },
  ],
});

function provider(rule: JwtRule, proxy: Proxy): JwtProvider {
  const headers = (rule.fromHeaders ?? []).map(({ name, prefix }) => ({
    name,
    ...(prefix ? { valuePrefix: prefix } : {}),
  }));
  const claims = (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
    headerName: header,
    claimName: claim,
  }));
  const spaceDelimited = [...new Set(['permission', 'scope', ...(rule.spaceDelimitedClaims ?? [])])].sort();
  return {
    ...(rule.issuer ? { issuer: rule.issuer } : {}),
    ...(rule.audiences?.length ? { audiences: rule.audiences } : {}),
    localJwks: { inlineString: rule.jwks || nobodysKey },
    payloadInMetadata: jwtPayloadKey,
    // Routes of a gateway may ask for claims, which are known only now.
    ...(proxy.type === 'router' ? { clearRouteCache: true } : {}),
    normalizePayloadInMetadata: { spaceDelimitedClaims: spaceDelimited },
    ...(rule.forwardOriginalToken ? { forward: true } : {}),
    ...(headers.length > 0 ? { fromHeaders: headers } : {}),
    ...(rule.fromParams?.length ? { fromParams: rule.fromParams } : {}),
    ...(rule.fromCookies?.length ? { fromCookies: rule.fromCookies } : {}),
    ...(rule.outputPayloadToHeader ? { forwardPayloadHeader: rule.outputPayloadToHeader } : {}),
    ...(claims.length > 0 ? { claimToHeaders: claims } : {}),
  };
}

/** A valid token of any issuer, or none at all: refusing the missing ones is an AuthorizationPolicy's business. */
function requirement(names: readonly string[]): JwtRequirement {
  const orMissing = (name: string): JwtRequirement => ({
    requiresAny: { requirements: [{ providerName: name }, { allowMissing: {} }] },
  });
  const [only] = names;
  if (names.length === 1 && only) return orMissing(only);
  const each = names.map((providerName) => ({ providerName }));
  return {
    requiresAny: { requirements: [...each, { requiresAll: { requirements: names.map(orMissing) } }] },
  };
}

/** Config of the JWT filter for a workload: the rules of all RequestAuthentications that take it, by issuer. */
export function requestAuthentication(model: MeshModel, proxy: Proxy): JwtAuthentication | undefined {
  const rules = model.requestAuthentications
    .filter((policy) => appliesTo(model, proxy, policy))
    .flatMap(({ spec }) => spec.jwtRules ?? [])
    .sort((a, b) => ((a.issuer ?? '') < (b.issuer ?? '') ? -1 : (a.issuer ?? '') > (b.issuer ?? '') ? 1 : 0));
  if (rules.length === 0) return undefined;
  const providers = rules.map((rule, index): [string, JwtProvider] => [
    `origins-${index}`,
    provider(rule, proxy),
  ]);
  return {
    providers: Object.fromEntries(providers),
    rules: [{ match: { prefix: '/' }, requires: requirement(providers.map(([name]) => name)) }],
    bypassCorsPreflight: true,
  };
}
