/** An expression had no value for the attributes at hand; expected, so it is a value and not thrown. */
export class EvaluationFailure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}
