import { enumOf, type envoy_type_v3_FractionalPercent as FractionalPercent } from '@lateen/protos';

const denominators = enumOf('envoy.type.v3.FractionalPercent.DenominatorType');

/** Percentage with four decimals, as Istio sends what users write as a fraction. */
export function fractionalPercent(percent: number): FractionalPercent {
  return { numerator: Math.round(percent * 10_000), denominator: denominators.MILLION };
}

/** Whole percentage. */
export function wholePercent(percent: number): FractionalPercent {
  return { numerator: percent, denominator: denominators.HUNDRED };
}
