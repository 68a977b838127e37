import type { istio_networking_v1alpha3_Headers } from '@lateen/protos';
import { keySegment } from '../node.ts';
import type { Report } from '../report.ts';

const headerName = /^:?[A-Za-z0-9!#$&'*+.^_`|~-]+$/;
const headerValue = /^(?:[^%]|%%|%[A-Z_0-9]+(?:\([^()]*\))?(?::\d+)?%)*$/;

/** What is wrong with a header's name; pseudo headers (`:authority`) pass. Source: RFC 9110 section 5.1. */
export function headerNameProblem(name: string): string | undefined {
  if (name === '') return 'the header name is empty';
  return headerName.test(name) ? undefined : `"${name}" is no valid header name`;
}

/** As `headerNameProblem`, pseudo headers refused. */
export function strictHeaderNameProblem(name: string): string | undefined {
  return name.startsWith(':')
    ? `"${name}" is no valid header name: pseudo headers are not allowed here`
    : headerNameProblem(name);
}

/** What is wrong with a value that Envoy formats: `%` starts a command and stands for itself as `%%`. */
function headerValueProblem(value: string): string | undefined {
  return headerValue.test(value)
    ? undefined
    : `the header value "${value}" has a "%" that starts no command; write "%%" for the sign itself`;
}

/** Reports wrong header operations of a route or destination. */
export function checkHeaders(
  headers: istio_networking_v1alpha3_Headers | undefined,
  path: string,
  report: Report,
): void {
  for (const side of ['request', 'response'] as const) {
    const operations = headers?.[side];
    if (!operations) continue;
    for (const verb of ['set', 'add'] as const) {
      for (const [name, value] of Object.entries(operations[verb] ?? {})) {
        const at = `${path}.${side}.${verb}${keySegment(name)}`;
        const problem = headerNameProblem(name) ?? headerValueProblem(value);
        if (problem) report.error(at, problem);
        if (verb === 'add' && isAuthority(name)) report.error(at, 'the authority can be set, not added to');
      }
    }
    for (const [index, name] of (operations.remove ?? []).entries()) {
      const problem = strictHeaderNameProblem(name);
      if (problem) report.error(`${path}.${side}.remove[${index}]`, problem);
      else if (isAuthority(name))
        report.error(`${path}.${side}.remove[${index}]`, "the authority can't be removed");
    }
  }
}

/** Does a header name mean the request's authority? */
export function isAuthority(name: string): boolean {
  return name === ':authority' || name.toLowerCase() === 'host';
}
