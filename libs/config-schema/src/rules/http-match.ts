import type {
  istio_networking_v1alpha3_HTTPMatchRequest,
  istio_networking_v1alpha3_StringMatch,
} from '@lateen/protos';
import { keySegment } from '../node.ts';
import { isDnsLabel } from '../metadata.ts';
import type { Report } from '../report.ts';
import { headerNameProblem } from './header.ts';
import { portProblem } from './port.ts';
import { regexProblem } from './regular-expression.ts';
import { checkLabels } from './selector.ts';

const jwtClaim = '@request.auth.claims';

interface StringRules {
  readonly report: Report;
  /** An empty prefix matches every path: a habit for `uri`, a mistake elsewhere. */
  readonly emptyPrefix?: boolean;
  /** Header patterns know `*` as "present". */
  readonly star?: boolean;
}

/** Reports wrong string matches: empty prefix or regex, broken regex. */
export function checkStringMatch(
  match: istio_networking_v1alpha3_StringMatch | undefined,
  path: string,
  rules: StringRules,
): void {
  if (!match) return;
  const { report } = rules;
  if (match.prefix === '' && !rules.emptyPrefix)
    report.error(`${path}.prefix`, 'the prefix must not be empty');
  if (match.regex === undefined) return;
  if (match.regex === '') {
    report.error(`${path}.regex`, 'the regular expression must not be empty');
    return;
  }
  const problem = rules.star && match.regex === '*' ? undefined : regexProblem(match.regex);
  if (problem) report.error(`${path}.regex`, problem);
}

function checkHeaderKey(key: string, path: string, { report, gateways }: MatchRules): void {
  if (!key.startsWith(jwtClaim)) {
    const problem = headerNameProblem(key);
    if (problem) report.error(path, problem);
    return;
  }
  if (!/^@request\.auth\.claims(\.[^.[\]]+(\.[^.[\]]+)*|(\[[^[\]]+\])+)$/.test(key)) {
    report.error(path, `"${key}" is no claim: expected ${jwtClaim}.NAME or ${jwtClaim}[NAME]`);
  }
  if (gateways.length === 0 || gateways.includes('mesh')) {
    report.error(path, 'routing by a JWT claim works on gateways only, and this route is bound to the mesh');
  }
}

interface MatchRules {
  readonly report: Report;
  readonly gateways: readonly string[];
}

/** Reports wrong match blocks of an HTTP route. Source: Istio validateHTTPRouteMatchRequest. */
export function checkHttpMatch(
  match: istio_networking_v1alpha3_HTTPMatchRequest,
  path: string,
  rules: MatchRules,
): void {
  const { report } = rules;
  checkStringMatch(match.uri, `${path}.uri`, { report, emptyPrefix: true });
  checkStringMatch(match.scheme, `${path}.scheme`, { report });
  checkStringMatch(match.method, `${path}.method`, { report });
  checkStringMatch(match.authority, `${path}.authority`, { report });
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const [key, value] of Object.entries(match[field] ?? {})) {
      const at = `${path}.${field}${keySegment(key)}`;
      checkHeaderKey(key, at, rules);
      checkStringMatch(value, at, { report, star: true });
    }
  }
  for (const [key, value] of Object.entries(match.queryParams ?? {})) {
    checkStringMatch(value, `${path}.queryParams${keySegment(key)}`, { report, star: true });
  }
  checkSourceMatch(match, path, report);
}

/** Reports what HTTP, TLS and TCP matches have in common: port, source labels and namespace. */
export function checkSourceMatch(
  match: {
    port?: number | undefined;
    sourceLabels?: { [key: string]: string } | undefined;
    sourceNamespace?: string | undefined;
  },
  path: string,
  report: Report,
): void {
  if (match.port) {
    const problem = portProblem(match.port);
    if (problem) report.error(`${path}.port`, problem);
  }
  checkLabels(match.sourceLabels, `${path}.sourceLabels`, report);
  if (match.sourceNamespace && !isDnsLabel(match.sourceNamespace)) {
    report.error(`${path}.sourceNamespace`, `"${match.sourceNamespace}" is no valid namespace`);
  }
}
