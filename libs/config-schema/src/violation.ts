/** Where something stands in a text. Lines and columns count from 1; columns in UTF-16 units. */
export interface Position {
  readonly file?: string;
  readonly line: number;
  readonly column: number;
}

/** An error refuses the object, a warning lets it pass. */
export type Severity = 'error' | 'warning';

/** One thing wrong with what the user wrote. */
export interface Violation {
  /** Code of an analysis message, as Istio's IST0101; absent for what one object shows by itself. */
  readonly code?: string;
  /** Field path from the object's root, as `spec.http[0].match[1].uri`; empty for the whole document. */
  readonly path: string;
  readonly message: string;
  readonly severity: Severity;
  readonly position?: Position;
  /** What to write instead, when that can be guessed. */
  readonly hint?: string;
}

/** One line for a person: `file:line:column: error: path: message (hint)`. */
export function formatViolation(violation: Violation): string {
  const { position, path, message, severity, hint, code } = violation;
  const where = position ? `${position.file ?? '<input>'}:${position.line}:${position.column}: ` : '';
  return `${where}${severity}: ${code ? `[${code}] ` : ''}${path ? `${path}: ` : ''}${message}${hint ? ` (${hint})` : ''}`;
}
