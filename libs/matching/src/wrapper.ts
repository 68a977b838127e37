// A wrapper message that is present holds its type's zero when no value is written; some decoders leave that zero out
// (protobufjs' JSON reader does), so it must not be mistaken for an absent wrapper.

/** Value of a `google.protobuf.BoolValue`, or `absent` when there is no wrapper. */
export function boolOr(
  wrapper: { readonly value?: boolean | undefined } | undefined,
  absent: boolean,
): boolean {
  return wrapper ? (wrapper.value ?? false) : absent;
}

/** Value of a `UInt32Value`, `UInt64Value` or `DoubleValue`, or `absent` when there is no wrapper. */
export function numberOr<A>(
  wrapper: { readonly value?: number | undefined } | undefined,
  absent: A,
): number | A {
  return wrapper ? (wrapper.value ?? 0) : absent;
}
