/** Bounds of one connection. Where Envoy's Http2ProtocolOptions has a default, it is taken. */
export interface Http2Limits {
  readonly maxConcurrentStreams: number;
  /** What a peer may send on one stream ahead of our WINDOW_UPDATE, bytes; at least 65 535. */
  readonly streamWindowBytes: number;
  /** The same for the whole connection: all that paused streams can make us hold. */
  readonly connectionWindowBytes: number;
  /** Names and values of one message's headers, bytes. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly maxHeaderTableBytes: number;
  /** CONTINUATION frames of one header block. */
  readonly maxContinuations: number;
  /** Answers to PING and SETTINGS, and resets, that wait in the output because the peer doesn't read. */
  readonly maxOutboundControlFrames: number;
  /** DATA, HEADERS and CONTINUATION frames in a row that carry nothing and end nothing. */
  readonly maxConsecutiveEmptyFrames: number;
  readonly maxPriorityFramesPerStream: number;
  readonly maxWindowUpdatesPerDataFrame: number;
  /** Streams that ended before their time, whoever reset them, until more than half of all is a reason to close. */
  readonly maxPrematureResets: number;
  /** A stream older than this is not reset prematurely. */
  readonly prematureMs: number;
  /** Accept extended CONNECT (RFC 8441). */
  readonly extendedConnect: boolean;
}

/** Envoy's defaults. */
export const defaultHttp2Limits: Http2Limits = {
  maxConcurrentStreams: 1024,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  maxHeaderBytes: 60 * 1024,
  maxHeaders: 100,
  maxHeaderTableBytes: 4096,
  maxContinuations: 8,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  maxPrematureResets: 250,
  prematureMs: 1000,
  extendedConnect: true,
};
