import { stringify } from 'yaml';
import Table from 'cli-table3';
import { CommandFailure, type Surroundings } from './surroundings.ts';

/** Form of a command's answer. */
export type OutputFormat = 'table' | 'json' | 'yaml';

/** Reads `-o`. @throws CommandFailure for an unknown form. */
export function outputFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'json' || text === 'yaml') return text;
  throw new CommandFailure(`unknown output form "${text}": use table, json or yaml`, 2);
}

/** Prints rows as a borderless table, or the value they came from as JSON or YAML. */
export function print(
  to: Surroundings,
  format: OutputFormat,
  value: unknown,
  table: { columns: readonly string[]; rows: readonly (readonly (string | number)[])[] },
): void {
  if (format === 'json') return to.out(`${JSON.stringify(value, null, 2)}\n`);
  if (format === 'yaml') return to.out(stringify(value));
  if (table.rows.length === 0) return to.out('nothing found\n');
  const grid = new Table({
    head: [...table.columns],
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 3 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  for (const row of table.rows) grid.push([...row]);
  to.out(`${grid.toString().replace(/ +$/gm, '')}\n`);
}
