import {
  enumOf,
  type envoy_config_core_v3_RuntimeFractionalPercent,
  type envoy_type_v3_FractionalPercent,
} from '@lateen/protos';

/** Share of a `FractionalPercent` in [0, 1]; absent is 0. */
export function fractionOf(percent: envoy_type_v3_FractionalPercent | undefined): number {
  const kinds = enumOf('envoy.type.v3.FractionalPercent.DenominatorType');
  const denominator = percent?.denominator ?? kinds.HUNDRED;
  const whole = denominator === kinds.MILLION ? 1_000_000 : denominator === kinds.TEN_THOUSAND ? 10_000 : 100;
  return Math.min(1, (percent?.numerator ?? 0) / whole);
}

/**
 * Share of a `RuntimeFractionalPercent` in [0, 1]. We have no runtime layer, so the default value counts, as in an
 * Envoy whose runtime doesn't set the key. `undefined` when the field is absent.
 */
export function runtimeFraction(
  percent: envoy_config_core_v3_RuntimeFractionalPercent | undefined,
): number | undefined {
  return percent ? fractionOf(percent.defaultValue) : undefined;
}
