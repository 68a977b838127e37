/** Headers as matchers and formatters read them; the wire's own header list implements it without copying. */
export interface HeaderView {
  /** Value of a header by its lower-case name; several of one name joined with `,`; `undefined` when absent. */
  get(name: string): string | undefined;
}
