/** Something of the rules' configuration that cannot work; what is concerned is left out, the rest stays in force. */
export interface RuleProblem {
  /** `rule default/denyall`. */
  readonly object: string;
  /** Field of the object, `spec.actions[0].handler`. */
  readonly path: string;
  readonly message: string;
}
