import type {
  istio_networking_v1alpha3_CorsPolicy,
  istio_networking_v1alpha3_HTTPDirectResponse,
  istio_networking_v1alpha3_HTTPFaultInjection,
  istio_networking_v1alpha3_HTTPRedirect,
  istio_networking_v1alpha3_HTTPRetry,
  istio_networking_v1alpha3_HTTPRewrite,
  istio_networking_v1alpha3_HTTPRoute,
  istio_networking_v1alpha3_Percent,
} from '@lateen/protos';
import type { Report } from '../report.ts';
import { isDnsLabel, isSubdomain } from '../metadata.ts';
import { didYouMean } from '../suggestion.ts';
import { checkDestination, checkDestinations } from './destination.ts';
import { checkDuration } from './duration.ts';
import { checkHeaders, isAuthority, strictHeaderNameProblem } from './header.ts';
import { checkHttpMatch, checkStringMatch } from './http-match.ts';
import { portProblem } from './port.ts';
import { regexProblem } from './regular-expression.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*'];

/** gRPC status names. Source: grpc doc/statuscodes.md. */
const grpcStatuses = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** Retry conditions. Source: Envoy x-envoy-retry-on, x-envoy-retry-grpc-on. */
const retryConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

const kilobyte = 1024;

function checkPercent(
  percent: istio_networking_v1alpha3_Percent | undefined,
  path: string,
  report: Report,
): void {
  const value = percent?.value;
  if (value === undefined || value === 0) return;
  if (!(value >= 0.0001 && value <= 100))
    report.error(`${path}.value`, `the percentage ${value} must be 0 or in the range 0.0001 to 100`);
}

function checkStatus(status: number, path: string, report: Report): void {
  if (status < 200 || status > 600)
    report.error(path, `the HTTP status ${status} must be in the range 200 to 599`);
}

/** Reports a wrong fault. */
function checkFault(fault: istio_networking_v1alpha3_HTTPFaultInjection, path: string, report: Report): void {
  const { delay, abort } = fault;
  if (!delay && !abort) report.error(path, 'a fault needs a delay or an abort');
  if (delay) {
    const at = `${path}.delay`;
    checkPercent(delay.percentage, `${at}.percentage`, report);
    const percent = delay.percent ?? 0;
    if (percent < 0 || percent > 100)
      report.error(`${at}.percent`, `the percentage ${percent} must be in the range 0 to 100`);
    if (!delay.fixedDelay && !delay.exponentialDelay) report.error(at, 'a delay needs fixedDelay');
    checkDuration(delay.fixedDelay, `${at}.fixedDelay`, { report });
    if (delay.exponentialDelay) report.error(`${at}.exponentialDelay`, 'exponentialDelay is not supported');
  }
  if (!abort) return;
  const at = `${path}.abort`;
  checkPercent(abort.percentage, `${at}.percentage`, report);
  if (abort.httpStatus !== undefined) checkStatus(abort.httpStatus, `${at}.httpStatus`, report);
  else if (abort.grpcStatus !== undefined) {
    if (!grpcStatuses.includes(abort.grpcStatus)) {
      report.error(
        `${at}.grpcStatus`,
        `"${abort.grpcStatus}" is no gRPC status`,
        didYouMean(abort.grpcStatus, grpcStatuses),
      );
    }
  } else if (abort.http2Error !== undefined) report.error(`${at}.http2Error`, 'http2Error is not supported');
  else report.error(at, 'an abort needs httpStatus or grpcStatus');
}

/** Reports a wrong retry policy. */
export function checkRetries(
  retries: istio_networking_v1alpha3_HTTPRetry,
  path: string,
  report: Report,
): void {
  const attempts = retries.attempts ?? 0;
  if (attempts < 0) report.error(`${path}.attempts`, "attempts can't be negative");
  const configured = retries.perTryTimeout ?? retries.retryRemoteLocalities ?? (retries.retryOn || undefined);
  if (attempts === 0 && configured !== undefined)
    report.error(path, 'retries are configured while attempts is 0, which switches them off');
  checkDuration(retries.perTryTimeout, `${path}.perTryTimeout`, { report, zero: true });
  checkDuration(retries.backoff, `${path}.backoff`, { report });
  if (!retries.retryOn) return;
  for (const condition of retries.retryOn.split(',').map((each) => each.trim())) {
    const status = /^\d{3}$/.test(condition) ? Number(condition) : 0;
    if (retryConditions.includes(condition) || (status >= 100 && status < 600)) continue;
    report.error(
      `${path}.retryOn`,
      `"${condition}" is no retry condition`,
      didYouMean(condition, retryConditions),
    );
  }
}

/** Reports a wrong CORS policy. */
function checkCors(cors: istio_networking_v1alpha3_CorsPolicy, path: string, report: Report): void {
  for (const [index, origin] of (cors.allowOrigins ?? []).entries()) {
    const at = `${path}.allowOrigins[${index}]`;
    if (!origin.exact && !origin.prefix && !origin.regex)
      report.error(at, 'an allowed origin needs exact, prefix or regex');
    else checkStringMatch(origin, at, { report });
  }
  for (const [index, method] of (cors.allowMethods ?? []).entries()) {
    if (!methods.includes(method))
      report.error(
        `${path}.allowMethods[${index}]`,
        `"${method}" is no HTTP method`,
        didYouMean(method, methods),
      );
  }
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [index, name] of (cors[field] ?? []).entries()) {
      const problem = strictHeaderNameProblem(name);
      if (problem) report.error(`${path}.${field}[${index}]`, problem);
    }
  }
  checkDuration(cors.maxAge, `${path}.maxAge`, { report, zero: true });
  if ((cors.maxAge?.nanos ?? 0) !== 0) report.error(`${path}.maxAge`, 'maxAge counts whole seconds');
}

/** Reports a wrong redirect. */
function checkRedirect(
  redirect: istio_networking_v1alpha3_HTTPRedirect,
  route: istio_networking_v1alpha3_HTTPRoute,
  { path, report }: RouteRules,
): void {
  const { uri, authority, scheme, redirectCode, prefixRewrite, port, derivePort } = redirect;
  if (!uri && !authority && !scheme && !prefixRewrite && port === undefined && derivePort === undefined) {
    report.error(path, 'a redirect needs uri, prefixRewrite, authority, scheme or port');
  }
  if (redirectCode && (redirectCode < 300 || redirectCode > 399))
    report.error(`${path}.redirectCode`, `${redirectCode} is no redirect code, expected 300 to 399`);
  if (scheme && scheme !== 'http' && scheme !== 'https')
    report.error(`${path}.scheme`, `"${scheme}" is no scheme, expected http or https`);
  const problem = port === undefined ? undefined : portProblem(port);
  if (problem) report.error(`${path}.port`, problem);
  if (!prefixRewrite) return;
  if (uri) report.error(`${path}.prefixRewrite`, 'a redirect has uri or prefixRewrite, not both');
  const other = (route.match ?? []).some((match) => match.uri && match.uri.prefix === undefined);
  if (other)
    report.error(`${path}.prefixRewrite`, 'prefixRewrite needs every URI match of the route to be a prefix');
}

/** Reports a wrong rewrite. */
function checkRewrite(rewrite: istio_networking_v1alpha3_HTTPRewrite, path: string, report: Report): void {
  const { uri, authority, uriRegexRewrite } = rewrite;
  if (!uri && !authority && !uriRegexRewrite)
    report.error(path, 'a rewrite needs uri, uriRegexRewrite or authority');
  if (uri && uriRegexRewrite)
    report.error(`${path}.uriRegexRewrite`, 'a rewrite has uri or uriRegexRewrite, not both');
  if (!uriRegexRewrite) return;
  const at = `${path}.uriRegexRewrite`;
  if (!uriRegexRewrite.match || !uriRegexRewrite.rewrite)
    report.error(at, 'uriRegexRewrite needs match and rewrite');
  else {
    const problem = regexProblem(uriRegexRewrite.match);
    if (problem) report.error(`${at}.match`, problem);
  }
}

/** Reports a wrong direct response. */
function checkDirectResponse(
  response: istio_networking_v1alpha3_HTTPDirectResponse,
  path: string,
  report: Report,
): void {
  checkStatus(response.status ?? 0, `${path}.status`, report);
  const { body } = response;
  if (!body) return;
  const size = body.bytes !== undefined ? body.bytes.length : Buffer.byteLength(body.string ?? '');
  if (size >= kilobyte * kilobyte)
    report.error(`${path}.body`, 'the body of a direct response must be smaller than 1 MB');
  else if (size >= 100 * kilobyte)
    report.warning(
      `${path}.body`,
      'a body over 100 kB is copied to every proxy and slows the control plane down',
    );
}

interface RouteRules {
  readonly path: string;
  readonly report: Report;
}

/** Where a route stands. */
export interface RouteContext extends RouteRules {
  /** Gateways of the VirtualService. */
  readonly gateways: readonly string[];
  /** Is the VirtualService one without hosts, that another one delegates to? */
  readonly isDelegate: boolean;
}

function checkTargets(
  route: istio_networking_v1alpha3_HTTPRoute,
  { path, report, isDelegate }: RouteContext,
): void {
  const destinations = route.route ?? [];
  if (route.delegate && !isDelegate) {
    const { name = '', namespace = '' } = route.delegate;
    if (!isSubdomain(name))
      report.error(
        `${path}.delegate.name`,
        name === '' ? 'a delegate needs a name' : `"${name}" is no valid name`,
      );
    if (namespace && !isDnsLabel(namespace))
      report.error(`${path}.delegate.namespace`, `"${namespace}" is no valid namespace`);
    for (const field of ['route', 'redirect', 'directResponse'] as const) {
      const present = field === 'route' ? destinations.length > 0 : route[field] !== undefined;
      if (present) report.error(`${path}.${field}`, `a route that delegates can't have ${field}`);
    }
    return;
  }
  if (route.delegate) report.error(`${path}.delegate`, "a delegate can't delegate further");
  if (destinations.length === 0 && !route.redirect && !route.directResponse) {
    report.error(path, 'an HTTP route needs route, redirect or directResponse');
  }
  if (route.redirect) {
    if (destinations.length > 0)
      report.error(`${path}.redirect`, 'an HTTP route has route or redirect, not both');
    if (route.directResponse)
      report.error(`${path}.directResponse`, 'an HTTP route has redirect or directResponse, not both');
    if (route.fault) report.error(`${path}.fault`, "a redirect can't have a fault");
    if (route.rewrite) report.error(`${path}.rewrite`, "a redirect can't have a rewrite");
  } else if (route.directResponse) {
    if (destinations.length > 0)
      report.error(`${path}.directResponse`, 'an HTTP route has route or directResponse, not both');
    if (route.fault) report.error(`${path}.fault`, "a direct response can't have a fault");
    if (route.rewrite) report.error(`${path}.rewrite`, "a direct response can't have a rewrite");
  }
  checkDestinations(destinations, `${path}.route`, report);
}

function checkAuthority(route: istio_networking_v1alpha3_HTTPRoute, { path, report }: RouteRules): void {
  const found = route.rewrite?.authority ? [`${path}.rewrite.authority`] : [];
  const look = (set: { [key: string]: string } | undefined, at: string): void => {
    for (const name of Object.keys(set ?? {}))
      if (isAuthority(name)) found.push(`${at}.request.set["${name}"]`);
  };
  const shared = found.length;
  look(route.headers?.request?.set, `${path}.headers`);
  // A destination's own authority goes before the route's headers, never before a rewrite.
  for (const [index, destination] of (route.route ?? []).entries()) {
    if (found.length > 1) break;
    found.length = shared;
    look(destination.headers?.request?.set, `${path}.route[${index}].headers`);
  }
  if (found.length > 1)
    report.error(found.at(-1) ?? path, `the authority is set twice, here and at ${found[0]}`);
}

/** Reports everything wrong with an HTTP route. Source: Istio validateHTTPRoute. */
export function checkHttpRoute(route: istio_networking_v1alpha3_HTTPRoute, context: RouteContext): void {
  const { path, report } = context;
  checkTargets(route, context);
  checkAuthority(route, context);
  for (const [index, match] of (route.match ?? []).entries()) {
    checkHttpMatch(match, `${path}.match[${index}]`, {
      report,
      gateways: match.gateways?.length ? match.gateways : context.gateways,
    });
  }
  if (route.redirect) checkRedirect(route.redirect, route, { path: `${path}.redirect`, report });
  if (route.directResponse) checkDirectResponse(route.directResponse, `${path}.directResponse`, report);
  if (route.rewrite) checkRewrite(route.rewrite, `${path}.rewrite`, report);
  checkDuration(route.timeout, `${path}.timeout`, { report, zero: true });
  if (route.retries) checkRetries(route.retries, `${path}.retries`, report);
  if (route.fault) checkFault(route.fault, `${path}.fault`, report);
  if (route.corsPolicy) checkCors(route.corsPolicy, `${path}.corsPolicy`, report);
  checkHeaders(route.headers, `${path}.headers`, report);
  const mirrors = route.mirrors ?? [];
  if (route.mirror) checkDestination(route.mirror, `${path}.mirror`, report);
  if (route.mirror && mirrors.length > 0)
    report.error(`${path}.mirrors`, 'an HTTP route has mirror or mirrors, not both');
  checkPercent(route.mirrorPercentage, `${path}.mirrorPercentage`, report);
  const percent = route.mirrorPercent?.value ?? 0;
  if (percent > 100)
    report.error(`${path}.mirrorPercent`, `the percentage ${percent} must be in the range 0 to 100`);
  for (const [index, mirror] of mirrors.entries()) {
    checkDestination(mirror.destination, `${path}.mirrors[${index}].destination`, report);
    checkPercent(mirror.percentage, `${path}.mirrors[${index}].percentage`, report);
  }
}
