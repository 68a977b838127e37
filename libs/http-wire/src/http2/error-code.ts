/** Error codes of RST_STREAM and GOAWAY (RFC 9113 7). */
export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

/** Why a connection ended by our decision; details are Envoy's words where it has one. */
export interface ConnectionFailure {
  readonly code: number;
  readonly message: string;
}
