import {
  enumOf,
  type istio_telemetry_v1alpha1_Telemetry,
  type istio_telemetry_v1alpha1_Tracing,
} from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { keySegment } from '../node.ts';
import type { Report } from '../report.ts';
import { checkDuration } from '../rules/duration.ts';
import { checkPolicyTargets } from '../rules/selector.ts';

const { UPSERT, REMOVE } = enumOf('istio.telemetry.v1alpha1.MetricsOverrides.TagOverride.Operation');

const closing: ReadonlyMap<string, string> = new Map([
  [')', '('],
  [']', '['],
  ['}', '{'],
]);

/** Are the brackets of a CEL expression closed in order? Its types and functions are the proxy's to judge. */
function isBalanced(expression: string): boolean {
  const open: string[] = [];
  let quote = '';
  for (let at = 0; at < expression.length; at++) {
    const letter = expression[at] ?? '';
    if (quote !== '') {
      if (letter === '\\') at += 1;
      else if (letter === quote) quote = '';
    } else if (letter === '"' || letter === "'") quote = letter;
    else if ('([{'.includes(letter)) open.push(letter);
    else if (closing.has(letter) && open.pop() !== closing.get(letter)) return false;
  }
  return quote === '' && open.length === 0;
}

type Providers = readonly { name?: string | undefined }[] | undefined;

function checkProviders(providers: Providers, path: string, report: Report): void {
  for (const [index, provider] of (providers ?? []).entries())
    if (!provider.name) report.error(`${path}.providers[${index}]`, 'a provider needs a name');
}

function checkTracing(tracing: istio_telemetry_v1alpha1_Tracing, path: string, report: Report): void {
  checkProviders(tracing.providers, path, report);
  if ((tracing.providers?.length ?? 0) > 1)
    report.warning(`${path}.providers`, 'several tracing providers are not supported, the first one is used');
  const percent = tracing.randomSamplingPercentage?.value ?? 0;
  if (!(percent >= 0 && percent <= 100))
    report.error(
      `${path}.randomSamplingPercentage`,
      `the percentage ${percent} must be in the range 0 to 100`,
    );
  for (const [name, tag] of Object.entries(tracing.customTags ?? {})) {
    const at = `${path}.customTags${keySegment(name)}`;
    if (name === '') report.error(at, 'the tag needs a name');
    if (tag.environment && !tag.environment.name)
      report.error(`${at}.environment`, 'the environment variable needs a name');
    if (tag.header && !tag.header.name) report.error(`${at}.header`, 'the header needs a name');
    if (tag.literal && !tag.literal.value) report.error(`${at}.literal`, 'the literal needs a value');
  }
}

function validate(spec: istio_telemetry_v1alpha1_Telemetry, context: ValidationContext): void {
  const { report } = context;
  checkPolicyTargets(spec, context);
  if ((spec.tracing?.length ?? 0) > 1)
    report.warning('spec.tracing', 'several tracing blocks are not supported, the first one is used');
  for (const [index, tracing] of (spec.tracing ?? []).entries())
    checkTracing(tracing, `spec.tracing[${index}]`, report);
  for (const [index, metrics] of (spec.metrics ?? []).entries()) {
    const path = `spec.metrics[${index}]`;
    checkProviders(metrics.providers, path, report);
    checkDuration(metrics.reportingInterval, `${path}.reportingInterval`, { report });
    for (const [at, override] of (metrics.overrides ?? []).entries()) {
      if (override.match?.customMetric === '')
        report.error(`${path}.overrides[${at}].match.customMetric`, 'the metric needs a name');
      for (const [tag, { operation = UPSERT, value = '' }] of Object.entries(override.tagOverrides ?? {})) {
        const where = `${path}.overrides[${at}].tagOverrides${keySegment(tag)}`;
        if (operation === UPSERT && value === '') report.error(where, 'the operation UPSERT needs a value');
        if (operation === REMOVE && value !== '')
          report.error(`${where}.value`, 'the operation REMOVE takes no value');
      }
    }
  }
  for (const [index, logging] of (spec.accessLogging ?? []).entries()) {
    const path = `spec.accessLogging[${index}]`;
    checkProviders(logging.providers, path, report);
    if (logging.filter && !logging.filter.expression)
      report.error(`${path}.filter.expression`, 'the filter needs an expression');
    else if (logging.filter?.expression && !isBalanced(logging.filter.expression))
      report.error(
        `${path}.filter.expression`,
        'no valid CEL expression: its brackets or quotes are not closed',
      );
  }
}

/** Traces, metrics and access logs of selected workloads. Source: Istio telemetry/v1alpha1/telemetry.proto. */
export const telemetry = defineKind({
  group: 'telemetry.istio.io',
  versions: ['v1', 'v1alpha1'],
  kind: 'Telemetry',
  plural: 'telemetries',
  shortNames: ['telemetry'],
  collection: 'istio/telemetry/v1alpha1/telemetries',
  message: 'istio.telemetry.v1alpha1.Telemetry',
  validate,
});
