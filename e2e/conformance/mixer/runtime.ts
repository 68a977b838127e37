import { type AttributeValue, attribute } from '@lateen/attributes';
import { type ConfigObject, decodeDocument, parseDocuments } from '@lateen/config-schema';
import {
  type AdapterType,
  type CheckResult,
  dispatchCheck,
  dispatchQuota,
  type Handler,
  identityNamespace,
  type Instance,
  type QuotaResult,
  ReportSession,
  resolveRules,
  routeDirective,
  type RulesInForce,
  RuleTable,
  type Template,
} from '@lateen/mixer-rules';
import { durationMs, fromJson, type google_protobuf_Any, packAny, structOf, toJson } from '@lateen/protos';
import { parse as parseYaml } from 'yaml';
import { bagOf, type Row, rows, same, type Tally, tally, text, valueOf } from './corpus.ts';

const anyFields = { foo: { type: 'any' } } as const;
const fakeTemplates: ReadonlyMap<string, Template> = new Map(
  (
    [
      { name: 'tcheck', variety: 'CHECK', fields: anyFields },
      { name: 'tcheckoutput', variety: 'CHECK', fields: anyFields, output: { value: 'STRING' } },
      { name: 'treport', variety: 'REPORT', fields: anyFields },
      { name: 'tquota', variety: 'QUOTA', fields: anyFields },
    ] satisfies Template[]
  ).map((template) => [template.name, template]),
);

interface FakeTemplate {
  readonly Name: string;
  readonly CheckResults?: readonly { Status: unknown; ValidDuration: unknown; ValidUseCount: number }[];
  readonly QuotaResults?: readonly {
    Amount: number;
    Status: { code?: number; message?: string };
    ValidDuration: unknown;
  }[];
  readonly [flag: string]: unknown;
}

/** Attribute manifests and the like of a list of YAML documents. The fake world's kinds are wrapped by hand. */
function objectsOf(documents: readonly string[], failingInstances: boolean): Map<string, ConfigObject[]> {
  const byKind = new Map<string, ConfigObject[]>([
    ['handler', []],
    ['instance', []],
    ['rule', []],
    ['attributemanifest', []],
  ]);
  for (const document of documents) {
    const json = parseYaml(document) as {
      kind: string;
      metadata: { name: string; namespace: string };
      spec?: object;
    };
    const { kind, metadata } = json;
    const fake = /^(a|t)(check|checkoutput|report|quota)$/.exec(kind);
    if (fake) {
      // An instance that cannot be built: its expression reads what no request has.
      const given = failingInstances && fake[1] === 't' ? { foo: 'attr.string' } : json.spec;
      const params = structOf((given ?? {}) as Record<string, string>);
      const spec = fake[1] === 'a' ? { compiledAdapter: kind, params } : { compiledTemplate: kind, params };
      const type = fake[1] === 'a' ? 'handler' : 'instance';
      const meta = { ...metadata, name: `${metadata.name}.${kind}`, labels: {}, annotations: {} };
      byKind.get(type)!.push({ apiVersion: 'config.istio.io/v1alpha2', kind: type, metadata: meta, spec });
      continue;
    }
    for (const part of parseDocuments(document).documents) {
      const decoded = decodeDocument(part);
      if (decoded.object) byKind.get(decoded.object.kind)?.push(decoded.object);
      // A rule without any effect is refused at the door; upstream it is taken and does nothing.
      else if (kind !== 'rule' || (json.spec as { actions?: unknown[] }).actions?.length !== 0) {
        throw new Error(decoded.violations.map(({ message }) => message).join('; '));
      }
    }
  }
  return byKind;
}

function checkResults(fake: FakeTemplate | undefined): (() => CheckResult) | undefined {
  const queue = [...(fake?.CheckResults ?? [])];
  const output = new Map<string, AttributeValue>([['value', attribute.string('1337')]]);
  return () => {
    const next = queue.shift();
    if (!next) return { code: 0, message: '', validDurationMs: 123_000, validUseCount: 123, output };
    const {
      code = 0,
      message = '',
      details = [],
    } = next.Status as { code?: number; message?: string; details?: object[] };
    const any: google_protobuf_Any[] = details.map((detail) => {
      const { '@type': _type, ...response } = detail as { '@type': string };
      return packAny(
        'istio.policy.v1beta1.DirectHttpResponse',
        fromJson('istio.policy.v1beta1.DirectHttpResponse', response),
      );
    });
    return {
      code,
      message,
      details: any,
      validDurationMs: durationOfRow(next.ValidDuration),
      validUseCount: next.ValidUseCount,
      output,
    };
  };
}

const durationOfRow = (row: unknown): number => {
  const value = valueOf(row);
  return value.kind === 'duration' ? durationMs(value.value) : Number.NaN;
};

class FakeHandler implements Handler {
  readonly calls: string[] = [];
  readonly #fakes: ReadonlyMap<string, FakeTemplate>;
  readonly #check = new Map<string, (() => CheckResult) | undefined>();
  readonly #quotas: QuotaResult[];

  constructor(fakes: readonly FakeTemplate[]) {
    this.#fakes = new Map(fakes.map((fake) => [fake.Name, fake]));
    for (const name of fakeTemplates.keys()) this.#check.set(name, checkResults(this.#fakes.get(name)));
    this.#quotas = (this.#fakes.get('tquota')?.QuotaResults ?? []).map(
      ({ Amount, Status, ValidDuration }) => ({
        amount: Amount,
        validDurationMs: durationOfRow(ValidDuration),
        ...Status,
      }),
    );
  }

  #called(template: string, what: string): void {
    const flags = this.#fakes.get(template);
    const panic = flags?.[`PanicOnDispatch${what}`];
    const error = flags?.[`ErrorOnDispatch${what}`];
    this.calls.push(template);
    if (panic || error) throw new Error(`error at dispatch ${what.toLowerCase()}, as expected`);
  }

  check(instance: Instance): CheckResult {
    this.#called(instance.template, 'Check');
    return this.#check.get(instance.template)!();
  }

  quota(instance: Instance): QuotaResult {
    this.#called(instance.template, 'Quota');
    return this.#quotas.shift() ?? { amount: 0, validDurationMs: 0 };
  }

  report(instances: readonly Instance[]): void {
    this.#called(instances[0]!.template, 'Report');
  }
}

/** Rules of a row with one handler for all of the fake world's adapters. */
function inForce(row: Row, handler: Handler): RulesInForce {
  // The upstream world's attribute generator brings one more attribute.
  const manifest = `${text('mixer-runtime/base-manifest.yaml').replaceAll('---', '')}
      prefix.generated.string:
        value_type: STRING`;
  const failing = ((row.fakeTemplates ?? []) as FakeTemplate[]).some((fake) => fake.ErrorAtCreateInstance);
  const objects = objectsOf([manifest, ...(row.config as string[])], failing);
  const types: [string, AdapterType][] = ['acheck', 'acheckoutput', 'areport', 'aquota'].map((name) => [
    name,
    { name, templates: [...fakeTemplates.keys()], decode: () => ({ config: undefined }) },
  ]);
  const resolved = resolveRules(
    {
      manifests: objects.get('attributemanifest')! as ConfigObject<object>[],
      handlers: objects.get('handler')! as ConfigObject<object>[],
      instances: objects.get('instance')! as ConfigObject<object>[],
      rules: objects.get('rule')! as ConfigObject<object>[],
    },
    { adapters: new Map(types), templates: fakeTemplates },
  );
  return {
    table: new RuleTable(resolved.rules, 'istio-system'),
    handlers: new Map([...resolved.handlers.keys()].map((name) => [name, handler])),
  };
}

async function runDispatch(row: Row): Promise<void> {
  const fakes = (row.fakeTemplates ?? []) as FakeTemplate[];
  const handler = new FakeHandler(fakes);
  const expected = row.expected as {
    expectedCheckResult?: Record<string, unknown>;
    expectedQuotaResult?: {
      Amount: number;
      Status: { code?: number; message?: string };
      ValidDuration: unknown;
    };
    err?: string;
    calls: unknown[];
  };
  const rules = inForce(row, handler);
  const bag = bagOf(row.attributes ?? { ident: 'dest.istio-system' });
  let failure: string | undefined;
  const failing = (error: unknown): undefined => {
    failure = error instanceof Error ? error.message : String(error);
    return undefined;
  };
  if (row.variety === 'QUOTA') {
    const args = (row.quotaArgs ?? {}) as {
      Quota?: string;
      Amount?: number;
      BestEffort?: boolean;
      DeduplicationID?: string;
    };
    const answer = await dispatchQuota(rules, bag, {
      quota: args.Quota ?? 'iquota1',
      amount: args.Amount ?? 0,
      bestEffort: args.BestEffort ?? true,
      deduplicationId: args.DeduplicationID ?? '',
    }).catch(failing);
    const wanted = expected.expectedQuotaResult;
    if (wanted && answer) {
      same(
        {
          amount: answer.amount,
          ms: answer.validDurationMs,
          code: answer.code ?? 0,
          message: answer.message ?? '',
        },
        {
          amount: wanted.Amount,
          ms: durationOfRow(wanted.ValidDuration),
          code: wanted.Status.code ?? 0,
          message: wanted.Status.message ?? '',
        },
      );
    }
  } else if (row.variety === 'REPORT') {
    const session = new ReportSession(rules);
    session.add(bag);
    await session.flush().catch(failing);
  } else {
    const answer = await dispatchCheck(rules, bag).catch(failing);
    const wanted = expected.expectedCheckResult;
    if (wanted && answer) {
      const message = 'istio.mixer.v1.CheckResponse.PreconditionResult';
      const { ValidDuration, ValidUseCount, Status, RouteDirective } = wanted;
      const seconds = durationOfRow(ValidDuration) / 1000;
      same(
        toJson(message, answer),
        toJson(
          message,
          fromJson(message, {
            status: Status,
            validDuration: `${seconds}s`,
            validUseCount: ValidUseCount,
            ...(RouteDirective ? { routeDirective: RouteDirective } : {}),
          }),
        ),
      );
    }
  }
  same(failure !== undefined, expected.err !== undefined);
  same(handler.calls.length, expected.calls.length);
}

const httpCodes = { MovedPermanently: 301, OK: 200 } as const;

function runDirectResponse(row: Row): void {
  const {
    code,
    body = '',
    headers = {},
  } = row.response as { code?: keyof typeof httpCodes; body?: string; headers?: Record<string, string> };
  const found = routeDirective((row.status as { code?: number }).code ?? 0, {
    code: code ? httpCodes[code] : 0,
    body,
    headers,
  });
  const message = 'istio.mixer.v1.RouteDirective';
  same(toJson(message, found), toJson(message, fromJson(message, row.directive)));
}

function runIdentity(row: Row): void {
  same(identityNamespace(bagOf(row.attributes)), row.want);
}

/** Tallies of rule resolution and dispatch. Rows of attribute generators wait for such adapters. */
export const runtimeTallies: Readonly<Record<string, () => Promise<Tally>>> = {
  'mixer-runtime/dispatch': () =>
    tally(
      rows<Row>('mixer-runtime/dispatch.json').filter(({ variety }) => variety !== 'ATTRIBUTE_GENERATOR'),
      runDispatch,
    ),
  'mixer-runtime/direct-response': () => tally(rows('mixer-runtime/direct-response.json'), runDirectResponse),
  'mixer-runtime/identity-namespace': () => tally(rows('mixer-runtime/identity-namespace.json'), runIdentity),
};
