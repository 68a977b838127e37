import { LateenError } from './error.ts';
import { Secret } from './secret.ts';

/** Environment variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads one variable: the text is never empty. Answers the value, or a complaint without the variable's name. */
export type SettingParser<T> = (text: string) => { value: T } | { complaint: string };

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Parsers of setting texts. */
export const setting = {
  text: (text: string) => ({ value: text }),
  secret: (text: string) => ({ value: new Secret(text) }),
  /** Whole number within bounds (inclusive). */
  integer:
    (min: number, max: number): SettingParser<number> =>
    (text) => {
      const value = Number(text);
      const fine = /^-?\d+$/.test(text) && value >= min && value <= max;
      return fine
        ? { value }
        : { complaint: `expected a whole number from ${min} to ${max}, found "${text}"` };
    },
  /** TCP port; 0 lets the system choose. */
  port: (text: string) => setting.integer(0, 65_535)(text),
  boolean: (text: string) => {
    if (/^(true|1|yes|on)$/i.test(text)) return { value: true };
    if (/^(false|0|no|off)$/i.test(text)) return { value: false };
    return { complaint: `expected true or false, found "${text}"` };
  },
  /** Duration such as `500ms`, `10s`, `5m`, `24h`; answers milliseconds. */
  durationMs: (text: string) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
    if (!match) return { complaint: `expected a duration such as 500ms, 10s or 24h, found "${text}"` };
    return { value: Number(match[1]) * durationUnits[match[2]!]! };
  },
  oneOf:
    <const T extends string>(...values: readonly T[]): SettingParser<T> =>
    (text) => {
      const value = values.find((candidate) => candidate === text);
      return value ? { value } : { complaint: `expected one of ${values.join(', ')}, found "${text}"` };
    },
  /** Comma-separated list; blanks around the items and empty items are dropped. */
  list: (text: string) => ({
    value: text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  }),
} as const;

/** Reads variables one by one and reports every problem at once. */
export class SettingsReader {
  readonly #environment: Environment;
  readonly #problems: string[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Value of a variable, or `fallback` when it is unset or empty. */
  optional<T, F>(name: string, parse: SettingParser<T>, fallback: F): T | F {
    const text = this.#environment[name];
    if (text === undefined || text === '') return fallback;
    const result = parse(text);
    if ('value' in result) return result.value;
    this.#problems.push(`${name}: ${result.complaint}`);
    return fallback;
  }

  /** Value of a variable that must be set; `purpose` tells the user what it is for. */
  required<T>(name: string, parse: SettingParser<T>, purpose: string): T {
    const text = this.#environment[name];
    if (text === undefined || text === '') {
      this.#problems.push(`${name} is not set: ${purpose}`);
      return undefined as T;
    }
    return this.optional(name, parse, undefined) as T;
  }

  /** Adds a problem that no single variable shows. */
  problem(text: string): void {
    this.#problems.push(text);
  }

  /** Freezes the settings. @throws LateenError LTN_SETTINGS_INVALID listing every problem that was met. */
  finish<T extends object>(settings: T): Readonly<T> {
    if (this.#problems.length > 0) {
      throw new LateenError(`invalid settings:\n  ${this.#problems.join('\n  ')}`, {
        code: 'LTN_SETTINGS_INVALID',
        origin: 'config',
      });
    }
    return Object.freeze(settings);
  }
}
