import type { Position, Severity, Violation } from './violation.ts';

/** How a report finds where a path or an offset stands in the text. */
export interface Locator {
  position(offset: number): Position | undefined;
  pathOffset(path: string): number;
}

const nowhere: Locator = { position: () => undefined, pathOffset: () => -1 };

/** Violations of one object beyond this many are cut off: a person fixes the first ones first. */
const mostViolations = 200;

/** Collects the violations of one object. */
export class Report {
  readonly violations: Violation[] = [];
  readonly #locator: Locator;

  constructor(locator: Locator = nowhere) {
    this.#locator = locator;
  }

  /** The object is refused: `path` is wrong for the reason `message`. */
  error(path: string, message: string, hint?: string): void {
    this.at('error', { path, message, hint });
  }

  /** The object is accepted, but its author should know. */
  warning(path: string, message: string, hint?: string): void {
    this.at('warning', { path, message, hint });
  }

  /** A violation whose place in the text is known already. */
  at(
    severity: Severity,
    found: { path: string; message: string; hint?: string | undefined; offset?: number },
  ): void {
    if (this.violations.length >= mostViolations) return;
    const { path, message, hint } = found;
    const position = this.#locator.position(found.offset ?? this.#locator.pathOffset(path));
    this.violations.push({
      path,
      message,
      severity,
      ...(position ? { position } : {}),
      ...(hint === undefined ? {} : { hint }),
    });
  }

  get hasErrors(): boolean {
    return this.violations.some((violation) => violation.severity === 'error');
  }
}
