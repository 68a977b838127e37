/** Envoy's response flags as bits. */
export const responseFlag = {
  noHealthyUpstream: 1 << 0,
  upstreamRequestTimeout: 1 << 1,
  localReset: 1 << 2,
  upstreamRemoteReset: 1 << 3,
  upstreamConnectionFailure: 1 << 4,
  upstreamConnectionTermination: 1 << 5,
  upstreamOverflow: 1 << 6,
  noRouteFound: 1 << 7,
  delayInjected: 1 << 8,
  faultInjected: 1 << 9,
  rateLimited: 1 << 10,
  unauthorizedExternalService: 1 << 11,
  downstreamConnectionTermination: 1 << 12,
  upstreamRetryLimitExceeded: 1 << 13,
  streamIdleTimeout: 1 << 14,
  downstreamProtocolError: 1 << 15,
  durationTimeout: 1 << 16,
  upstreamProtocolError: 1 << 17,
  noClusterFound: 1 << 18,
} as const;

const names: readonly [bit: number, short: string, long: string][] = [
  [responseFlag.noHealthyUpstream, 'UH', 'NoHealthyUpstream'],
  [responseFlag.upstreamRequestTimeout, 'UT', 'UpstreamRequestTimeout'],
  [responseFlag.localReset, 'LR', 'LocalReset'],
  [responseFlag.upstreamRemoteReset, 'UR', 'UpstreamRemoteReset'],
  [responseFlag.upstreamConnectionFailure, 'UF', 'UpstreamConnectionFailure'],
  [responseFlag.upstreamConnectionTermination, 'UC', 'UpstreamConnectionTermination'],
  [responseFlag.upstreamOverflow, 'UO', 'UpstreamOverflow'],
  [responseFlag.noRouteFound, 'NR', 'NoRouteFound'],
  [responseFlag.delayInjected, 'DI', 'DelayInjected'],
  [responseFlag.faultInjected, 'FI', 'FaultInjected'],
  [responseFlag.rateLimited, 'RL', 'RateLimited'],
  [responseFlag.unauthorizedExternalService, 'UAEX', 'UnauthorizedExternalService'],
  [responseFlag.downstreamConnectionTermination, 'DC', 'DownstreamConnectionTermination'],
  [responseFlag.upstreamRetryLimitExceeded, 'URX', 'UpstreamRetryLimitExceeded'],
  [responseFlag.streamIdleTimeout, 'SI', 'StreamIdleTimeout'],
  [responseFlag.downstreamProtocolError, 'DPE', 'DownstreamProtocolError'],
  [responseFlag.durationTimeout, 'DT', 'DurationTimeout'],
  [responseFlag.upstreamProtocolError, 'UPE', 'UpstreamProtocolError'],
  [responseFlag.noClusterFound, 'NC', 'NoClusterFound'],
];

function listOf(flags: readonly number[] | undefined, column: 1 | 2): string {
  if (flags === undefined) return '-';
  return flags.map((flag) => names.find(([bit]) => bit === flag)?.[column] ?? '-').join(',');
}

/** Flags as `%RESPONSE_FLAGS%` prints them, as `URX,UF`, in the order in which they were set; `-` for none. */
export function shortFlags(flags: readonly number[] | undefined): string {
  return listOf(flags, 1);
}

/** Flags as `%RESPONSE_FLAGS_LONG%` prints them. */
export function longFlags(flags: readonly number[] | undefined): string {
  return listOf(flags, 2);
}

/** Bit of a short flag name; `undefined` for unknown ones. */
export function flagOf(short: string): number | undefined {
  return names.find(([, name]) => name === short)?.[0];
}
