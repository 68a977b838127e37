/** What a suite measured, a line each, printed together at its end: the report behind "Bookinfo must show". */
export class Figures {
  readonly #form: string;
  readonly #lines: string[] = [];

  constructor(form: string) {
    this.#form = form;
  }

  /** Adds a line: what was shown, and its figure. */
  add(what: string, figure: string): void {
    this.#lines.push(`  ${what.padEnd(46)} ${figure}`);
  }

  print(): void {
    if (this.#lines.length > 0)
      process.stdout.write(`\nBookinfo shows, ${this.#form} form:\n${this.#lines.join('\n')}\n`);
  }
}

/** Milliseconds, rounded. */
export const ms = (value: number): string => `${Math.round(value)} ms`;

/** `PART of WHOLE (x %)`. */
export function share(part: number, whole: number): string {
  return `${part} of ${whole} (${((100 * part) / Math.max(1, whole)).toFixed(1)} %)`;
}
