import type { UpstreamReset } from '../connection-pool/exchange.ts';
import { responseFlag } from '../reporting/response-flags.ts';

/** Reset as response code details tell it: `remote_connection_failure|transport_failure`, blanks as underscores. */
export function describeReset(reset: UpstreamReset): string {
  const text = reset.transportFailure === '' ? reset.reason : `${reset.reason}|${reset.transportFailure}`;
  return text.replaceAll(/\s/g, '_');
}

function flagOfReset(reset: UpstreamReset): number {
  switch (reset.reason) {
    case 'overflow':
      return responseFlag.upstreamOverflow;
    case 'protocol error':
      return responseFlag.upstreamProtocolError;
    case 'connection termination':
      return responseFlag.upstreamConnectionTermination;
    case 'remote reset':
      return responseFlag.upstreamRemoteReset;
    default:
      return responseFlag.upstreamConnectionFailure;
  }
}

/** Local reply for a request whose upstream failed before it answered, in Envoy's words. */
export function upstreamFailure(
  reset: UpstreamReset,
  attempts: number,
): { status: number; body: string; details: string; flags: number } {
  const retried = attempts > 1 ? 'retried and the latest ' : '';
  return {
    status: reset.reason === 'protocol error' ? 502 : 503,
    body: `upstream connect error or disconnect/reset before headers. ${retried}reset reason: ${reset.reason}`,
    details: `upstream_reset_before_response_started{${describeReset(reset)}}`,
    flags: flagOfReset(reset),
  };
}
