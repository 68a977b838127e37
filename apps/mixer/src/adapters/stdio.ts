import { kindOfType, type StringMapView } from '@lateen/attributes';
import {
  type DecodedParams,
  decodeParams,
  type Handler,
  type Instance,
  refuse,
  type TypedValue,
  mapEntries,
  timestampText,
  valueText,
} from '@lateen/mixer-rules';
import {
  type adapter_stdio_config_Params,
  enumOf,
  type google_protobuf_Timestamp,
  timestampOf,
} from '@lateen/protos';
import type { Clock } from '@lateen/runtime';
import { type Adapter, defineAdapter } from './adapter.ts';
import type { LineWriter } from './line-writer.ts';

const { STDOUT, STDERR } = enumOf('adapter.stdio.config.Params.Stream');
const levelNames = ['info', 'warn', 'error'] as const;

/** Levels of severities that no configuration names. */
const usualLevels: ReadonlyMap<string, number> = new Map([
  ['informational', 0],
  ['info', 0],
  ['warning', 1],
  ['warn', 1],
  ['error', 2],
  ['err', 2],
]);

/** Writes log entries and metrics as lines. Source: istio/istio `mixer/adapter/stdio`. */
export const stdio: Adapter = defineAdapter<adapter_stdio_config_Params>({
  name: 'stdio',
  templates: ['logentry', 'metric'],
  decode(params): DecodedParams<adapter_stdio_config_Params> {
    const decoded = decodeParams('adapter.stdio.config.Params', params);
    if ('complaints' in decoded) return decoded;
    const { logStream = STDOUT, outputPath } = decoded.config;
    if (logStream !== STDOUT && logStream !== STDERR) {
      return refuse('spec.params.logStream', 'only STDOUT and STDERR are supported');
    }
    if (outputPath) return refuse('spec.params.outputPath', 'STDOUT and STDERR have no path');
    return decoded;
  },
  create: (config, { clock, stdout, stderr }) =>
    createStdio(config, config.logStream === STDERR ? stderr : stdout, clock),
});

/** Handler that writes to one writer. */
function createStdio(config: adapter_stdio_config_Params, writer: LineWriter, clock: Clock): Handler {
  const { severityLevels = {}, metricLevel = 0, outputLevel = 0, outputAsJson = false } = config;
  const levelOf = (severity: string): number => {
    if (Object.hasOwn(severityLevels, severity)) return severityLevels[severity]!;
    return usualLevels.get(severity.toLowerCase()) ?? 0;
  };
  const line = outputAsJson ? jsonLine : textLine;
  return {
    report(instances) {
      const lines: string[] = [];
      for (const instance of instances) {
        const isMetric = instance.template === 'metric';
        const level = isMetric ? metricLevel : levelOf(String(instance.values.get('severity')?.value ?? ''));
        if (level < outputLevel) continue;
        const time = instance.values.get('timestamp')?.value as google_protobuf_Timestamp | undefined;
        lines.push(
          line({
            level: levelNames[level] ?? 'info',
            time: timestampText(time ?? timestampOf(clock.now())),
            instance,
            fields: fieldsOf(instance, isMetric),
          }),
        );
      }
      writer.write(lines);
    },
  };
}

interface Line {
  readonly level: string;
  readonly time: string;
  readonly instance: Instance;
  /** Names with values in JSON. */
  readonly fields: readonly (readonly [name: string, json: string])[];
}

function jsonLine({ level, time, instance, fields }: Line): string {
  const all = [
    ['level', JSON.stringify(level)],
    ['time', JSON.stringify(time)],
    ['instance', JSON.stringify(instance.name)],
    ...fields,
  ];
  return `{${all.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

function textLine({ level, time, instance, fields }: Line): string {
  const rest = fields.map(([name, json]) => `${JSON.stringify(name)}: ${json}`).join(', ');
  return `${time}\t${level}\t${instance.name}\t{${rest}}`;
}

function fieldsOf(instance: Instance, isMetric: boolean): [string, string][] {
  const fields: [string, string][] = [];
  const value = isMetric ? instance.values.get('value') : undefined;
  if (value) fields.push(['value', jsonOf(value)]);
  const map = instance.maps.get(isMetric ? 'dimensions' : 'variables') ?? new Map<string, TypedValue>();
  const sorted = [...map].sort(([left], [right]) => (left < right ? -1 : 1));
  for (const [name, entry] of sorted) fields.push([name, jsonOf(entry)]);
  return fields;
}

function jsonOf(typed: TypedValue): string {
  switch (kindOfType(typed.type)) {
    case 'int64':
    case 'double':
    case 'bool':
      return JSON.stringify(typed.value);
    case 'bytes': {
      const bytes = typed.value as Uint8Array;
      const isAddress = bytes.length === 4 || bytes.length === 16;
      return JSON.stringify(isAddress ? valueText(typed) : Buffer.from(bytes).toString('base64'));
    }
    case 'stringMap': {
      const entries = mapEntries(typed.value as StringMapView);
      return `{${entries.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`).join(',')}}`;
    }
    default:
      return JSON.stringify(valueText(typed));
  }
}
