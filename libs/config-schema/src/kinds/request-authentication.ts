import type {
  istio_security_v1beta1_JWTRule,
  istio_security_v1beta1_RequestAuthentication,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import type { Report } from '../report.ts';
import { checkDuration } from '../rules/duration.ts';
import { strictHeaderNameProblem } from '../rules/header.ts';
import { checkPolicyTargets } from '../rules/selector.ts';

const claimHeader = /^[-_A-Za-z0-9]+$/;

function checkUri(uri: string, path: string, report: Report): void {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(uri))
    report.error(path, `"${uri}" has no scheme, expected https:// or http://`);
  else if (!URL.canParse(uri)) report.error(path, `"${uri}" is no valid URI`);
  else if (!['http:', 'https:'].includes(new URL(uri).protocol))
    report.error(path, `"${uri}" has an unsupported scheme, expected https:// or http://`);
}

function checkJwks(jwks: string, path: string, report: Report): void {
  let keys: unknown;
  try {
    keys = (JSON.parse(jwks) as { keys?: unknown } | null)?.keys;
  } catch {
    keys = undefined;
  }
  if (!Array.isArray(keys)) {
    report.error(path, 'expected a JSON Web Key Set: {"keys": [...]}');
    return;
  }
  for (const [index, key] of keys.entries()) {
    if (typeof key !== 'object' || key === null || typeof (key as { kty?: unknown }).kty !== 'string')
      report.error(path, `the key at index ${index} has no "kty"`);
    else if ('d' in key || (key as { kty?: unknown }).kty === 'oct')
      report.warning(path, `the key at index ${index} is private, only public keys belong here`);
  }
}

function checkRule(rule: istio_security_v1beta1_JWTRule, path: string, report: Report): void {
  if (!rule.issuer && !rule.jwksUri) report.error(path, 'an issuer or jwksUri is required');
  for (const [index, audience] of (rule.audiences ?? []).entries())
    if (!audience) report.error(`${path}.audiences[${index}]`, 'the audience is empty');
  if (rule.jwksUri) checkUri(rule.jwksUri, `${path}.jwksUri`, report);
  if (rule.jwks) checkJwks(rule.jwks, `${path}.jwks`, report);
  for (const [index, location] of (rule.fromHeaders ?? []).entries()) {
    if (!location.name) report.error(`${path}.fromHeaders[${index}]`, 'the header needs a name');
  }
  for (const field of ['fromParams', 'fromCookies', 'spaceDelimitedClaims'] as const) {
    for (const [index, name] of (rule[field] ?? []).entries())
      if (!name) report.error(`${path}.${field}[${index}]`, 'the name is empty');
  }
  for (const [index, { header = '', claim = '' }] of (rule.outputClaimToHeaders ?? []).entries()) {
    const at = `${path}.outputClaimToHeaders[${index}]`;
    if (!header || !claim) report.error(at, 'header and claim are required');
    else if (!claimHeader.test(header))
      report.error(
        `${at}.header`,
        `"${header}" is no valid header name: expected letters, digits, "-" and "_"`,
      );
  }
  const problem = rule.outputPayloadToHeader
    ? strictHeaderNameProblem(rule.outputPayloadToHeader)
    : undefined;
  if (problem) report.error(`${path}.outputPayloadToHeader`, problem);
  checkDuration(rule.timeout, `${path}.timeout`, { report });
}

function validate(spec: istio_security_v1beta1_RequestAuthentication, context: ValidationContext): void {
  const { metadata, report } = context;
  if (metadata.annotations['istio.io/dry-run'] !== undefined) {
    report.error(
      'metadata.annotations["istio.io/dry-run"]',
      'dry run is not supported for RequestAuthentication, remove the annotation',
    );
  }
  checkPolicyTargets(spec, context);
  for (const [index, rule] of (spec.jwtRules ?? []).entries())
    checkRule(rule, `spec.jwtRules[${index}]`, report);
}

/** Which end-user tokens a workload takes. Source: Istio security/v1beta1/request_authentication.proto. */
export const requestAuthentication = defineKind({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'RequestAuthentication',
  shortNames: ['ra'],
  collection: 'istio/security/v1beta1/requestauthentications',
  message: 'istio.security.v1beta1.RequestAuthentication',
  validate,
});
