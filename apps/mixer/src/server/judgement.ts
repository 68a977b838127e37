import type { AttributeSource } from '@lateen/attributes';
import type { RulesInForce } from '@lateen/mixer-rules';

/** What calls are answered from. */
export interface Judgement {
  readonly rules: RulesInForce;
  /** Attributes of a call as rules see them. */
  attributes(source: AttributeSource): AttributeSource;
}
