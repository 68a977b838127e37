import { compileRbacFilter, type RbacFilterRules, type Subject } from '@lateen/authorization';
import { refuseFields } from '@lateen/matching';
import { unpackAny } from '@lateen/protos';
import { responseFlag } from '../reporting/response-flags.ts';
import type { FilterStream, HttpFilter } from './filter.ts';
import type { HttpFilterKind } from './kind.ts';

const config = 'envoy.extensions.filters.http.rbac.v3.RBAC';
const routeConfig = 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute';

const open: RbacFilterRules = { enforced: undefined, shadow: undefined };

function subjectOf(stream: FilterStream): Subject {
  const { connection, record, requestHeaders } = stream;
  return {
    headers: requestHeaders,
    path: requestHeaders.path,
    peer: connection.peer,
    directRemoteAddress: connection.remote.address,
    remoteAddress: record.remoteAddress || connection.remote.address,
    destination: connection.local,
    serverName: connection.serverName,
    metadata: (filter) => stream.metadata(filter),
  };
}

/** Authorization (Envoy's RBAC filter): 403 where no policy lets a request pass. A route without rules is open. */
export const rbac: HttpFilterKind = {
  config,
  routeConfig,
  decodeRoute(any, path) {
    const fields = unpackAny(routeConfig, any).rbac;
    return fields ? compileRbacFilter(fields, `${path}.rbac`) : open;
  },
  compile(any, { name, path, surroundings }) {
    const fields = unpackAny(config, any);
    refuseFields(fields, path, ['matcher', 'shadowMatcher']);
    const own = compileRbacFilter(fields, path);
    const count = (outcome: string): (() => void) => {
      const counter = surroundings.metrics.counter(
        `envoy_http_rbac_${outcome}`,
        `RBAC decisions: ${outcome}.`,
        {
          envoy_rbac_prefix: fields.rulesStatPrefix ?? '',
        },
      );
      return () => counter.inc();
    };
    const allowed = count('allowed');
    const denied = count('denied');
    const shadowAllowed = count('shadow_allowed');
    const shadowDenied = count('shadow_denied');
    const filter: HttpFilter = {
      name,
      onRequest(stream) {
        const rules = (stream.routeConfig(name) as RbacFilterRules | undefined) ?? own;
        if (!rules.enforced && !rules.shadow) return 'continue';
        const subject = subjectOf(stream);
        if (rules.shadow) {
          const verdict = rules.shadow.decide(subject);
          (verdict.allowed ? shadowAllowed : shadowDenied)();
          stream.setMetadata(name, {
            shadow_engine_result: verdict.allowed ? 'allowed' : 'denied',
            shadow_effective_policy_id: verdict.policy ?? '',
          });
        }
        if (!rules.enforced) return 'continue';
        const verdict = rules.enforced.decide(subject);
        if (verdict.allowed) {
          allowed();
          return 'continue';
        }
        denied();
        stream.reply({
          status: 403,
          body: 'RBAC: access denied',
          details: `rbac_access_denied_matched_policy[${verdict.policy ?? 'none'}]`,
          flags: responseFlag.unauthorizedExternalService,
        });
        return 'answered';
      },
    };
    return filter;
  },
};
