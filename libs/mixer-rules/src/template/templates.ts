import type { Template, TemplateField } from './template.ts';

const anyMap: TemplateField = { type: 'any', map: true };
const text: TemplateField = { type: 'STRING' };
const int: TemplateField = { type: 'INT64' };
const time: TemplateField = { type: 'TIMESTAMP' };
const ip: TemplateField = { type: 'IP_ADDRESS' };

const all: readonly Template[] = [
  {
    name: 'metric',
    variety: 'REPORT',
    fields: {
      value: { type: 'any', required: true },
      dimensions: anyMap,
      monitoredResourceType: text,
      monitoredResourceDimensions: anyMap,
    },
  },
  {
    name: 'logentry',
    variety: 'REPORT',
    fields: {
      variables: anyMap,
      timestamp: time,
      severity: text,
      monitoredResourceType: text,
      monitoredResourceDimensions: anyMap,
    },
  },
  {
    name: 'tracespan',
    variety: 'REPORT',
    fields: {
      traceId: text,
      spanId: text,
      parentSpanId: text,
      spanName: text,
      startTime: time,
      endTime: time,
      spanTags: anyMap,
      httpStatusCode: int,
      clientSpan: { type: 'BOOL' },
      rewriteClientSpanId: { type: 'BOOL' },
      sourceName: text,
      sourceIp: ip,
      destinationName: text,
      destinationIp: ip,
      requestSize: int,
      requestTotalSize: int,
      responseSize: int,
      responseTotalSize: int,
      apiProtocol: text,
    },
  },
  { name: 'reportnothing', variety: 'REPORT', fields: {} },
  { name: 'checknothing', variety: 'CHECK', fields: {} },
  { name: 'listentry', variety: 'CHECK', fields: { value: { type: 'STRING', required: true } } },
  {
    name: 'apikey',
    variety: 'CHECK',
    fields: { api: text, apiVersion: text, apiOperation: text, apiKey: text, timestamp: time },
  },
  {
    name: 'authorization',
    variety: 'CHECK',
    fields: {
      subject: { fields: { user: text, groups: text, properties: anyMap } },
      action: { fields: { namespace: text, service: text, method: text, path: text, properties: anyMap } },
    },
  },
  { name: 'quota', variety: 'QUOTA', fields: { dimensions: anyMap } },
];

/** Mixer's templates by name. Source: istio/istio `mixer/template`. */
export const templates: ReadonlyMap<string, Template> = new Map(
  all.map((template) => [template.name, template]),
);
