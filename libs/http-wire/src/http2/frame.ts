/** Frame types (RFC 9113 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of a frame (RFC 9113 section 6). */
export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Identifiers of SETTINGS (RFC 9113 section 6.5.2, RFC 8441). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** Largest frame that we take and, until the peer says more, send. Bytes. */
export const frameBytes = 16_384;
/** Length of every frame's head. Bytes. */
export const frameHeadBytes = 9;
/** Flow-control window that a connection begins with. Bytes. */
export const initialWindow = 65_535;
/** Largest flow-control window. Bytes. */
export const maxWindow = 0x7fff_ffff;
/** What a client's connection begins with (RFC 9113 section 3.4). */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
