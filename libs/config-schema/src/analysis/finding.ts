import type { ConfigObject } from '../object.ts';
import type { Position, Severity, Violation } from '../violation.ts';

/** Codes with their levels. Source: Istio pkg/config/analysis/msg/messages.yaml; `LTN…` are ours. */
const levels = {
  IST0101: 'Error',
  IST0109: 'Error',
  IST0112: 'Error',
  IST0132: 'Warning',
  IST0145: 'Error',
  LTN0001: 'Error',
} as const;

/**
 * What is wrong between objects. `severity` is `error` only where the object can't have been meant as it stands;
 * everything else the mesh takes as Istio does, and says so with a warning.
 */
export interface Finding extends Violation {
  /** Istio's code, as `IST0101`; `LTN…` where Istio has none. */
  readonly code: keyof typeof levels;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Istio's own level of the code. `severity` says what becomes of an apply: an error refuses it. */
  readonly level: 'Error' | 'Warning';
}

/** Finds a field's place in the text that an object came from. */
export type Locate = (object: ConfigObject, path: string) => Position | undefined;

/** What an analyzer says of an object. */
export interface Said {
  readonly code: keyof typeof levels;
  readonly severity: Severity;
  readonly path: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Collects findings. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #locate: Locate;

  constructor(locate: Locate) {
    this.#locate = locate;
  }

  add(object: ConfigObject, said: Said): void {
    const { code, severity, path, message, hint } = said;
    const position = this.#locate(object, path) ?? object.position;
    const { name, namespace } = object.metadata;
    const where = position ? { position } : {};
    this.list.push({
      code,
      severity,
      path,
      message,
      kind: object.kind,
      namespace,
      name,
      level: levels[code],
      ...where,
      ...(hint ? { hint } : {}),
    });
  }
}
