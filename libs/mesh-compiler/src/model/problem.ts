import { messageOf } from '@lateen/runtime';

/** Something of the config that could not be compiled. Only what the object adds is missing from the result. */
export interface CompileProblem {
  /** `collection ns/name` of the object. */
  readonly object: string;
  readonly message: string;
}

/** Runs one object's part of the compilation; a failure becomes a problem and `undefined`. */
export function attempt<T>(problems: CompileProblem[], object: string, compile: () => T): T | undefined {
  try {
    return compile();
  } catch (error) {
    problems.push({ object, message: messageOf(error) });
    return undefined;
  }
}
