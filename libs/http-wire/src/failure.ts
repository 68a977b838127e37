/** Why a peer's message was refused: status for the local reply, Envoy's response code details, and words for logs. */
export interface WireFailure {
  readonly status: 400 | 408 | 413 | 417 | 426 | 431 | 501 | 502 | 505;
  /** Envoy's detail word, as `http1.codec_error`. */
  readonly details: string;
  readonly message: string;
}

/** A refused message. */
export function failure(
  status: WireFailure['status'],
  message: string,
  details = 'http1.codec_error',
): WireFailure {
  return { status, details, message };
}
