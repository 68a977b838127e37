import { compileRbacFilter, type Subject } from '@lateen/authorization';
import { refuseFields } from '@lateen/matching';
import { type google_protobuf_Any, unpackAny } from '@lateen/protos';
import type { DownstreamConnection, GateFilter } from '../connection.ts';
import type { Surroundings } from './surroundings.ts';

const message = 'envoy.extensions.filters.network.rbac.v3.RBAC';
const noHeaders = { get: () => undefined };

function subjectOf({ info }: DownstreamConnection): Subject {
  return {
    headers: noHeaders,
    path: '',
    peer: info.peer,
    directRemoteAddress: info.remote.address,
    remoteAddress: info.remote.address,
    destination: info.local,
    serverName: info.serverName,
    metadata: () => undefined,
  };
}

/** Compiles `envoy.filters.network.rbac`: decides once, when the connection is accepted. @throws LateenError */
export function createNetworkRbac(
  any: google_protobuf_Any,
  path: string,
  surroundings: Surroundings,
): GateFilter {
  const config = unpackAny(message, any);
  refuseFields(config, path, ['matcher', 'shadowMatcher', 'enforcementType']);
  const { enforced, shadow } = compileRbacFilter(config, path);
  const { metrics, logger } = surroundings;
  const labels = { envoy_rbac_prefix: config.statPrefix ?? '' };
  const allowed = metrics.counter('envoy_rbac_allowed', 'Connections that the rules allow.', labels);
  const denied = metrics.counter('envoy_rbac_denied', 'Connections that the rules refuse.', labels);
  const shadowAllowed = metrics.counter(
    'envoy_rbac_shadow_allowed',
    'Connections that the dry-run rules allow.',
    labels,
  );
  const shadowDenied = metrics.counter(
    'envoy_rbac_shadow_denied',
    'Connections that the dry-run rules refuse.',
    labels,
  );
  return {
    kind: 'gate',
    admit(connection) {
      const subject = subjectOf(connection);
      if (shadow) (shadow.decide(subject).allowed ? shadowAllowed : shadowDenied).inc();
      if (!enforced) return true;
      const verdict = enforced.decide(subject);
      (verdict.allowed ? allowed : denied).inc();
      if (!verdict.allowed) {
        const { listener, remote } = connection.info;
        logger.debug(
          { listener, remote: remote.address, policy: verdict.policy },
          'a connection was refused by RBAC',
        );
      }
      return verdict.allowed;
    },
  };
}
